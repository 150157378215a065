// The code blocks of a page whose examples are run. A block's language is followed by the name of its terminal, which
// a reader of the page as GitHub shows it does not see: "```bash alice" runs there, and "```text alice" is what it
// prints next.

export interface TutorialBlock {
  readonly language: string
  /** null: a command that runs to its end, or a file. */
  readonly terminal: string | null
  readonly text: string
}

export interface Tutorial {
  readonly heading: string
  readonly blocks: readonly TutorialBlock[]
}

/** The sections with a server: these are the examples. */
export function tutorialsIn(page: string): Tutorial[] {
  const sections = page.split(/^## /m).map((text): Tutorial => {
    const [heading = ''] = text.split('\n', 1)
    return { heading, blocks: blocksIn(text) }
  })
  return sections.filter(({ blocks }) => blocks.some(({ terminal }) => terminal === 'server'))
}

function blocksIn(section: string): TutorialBlock[] {
  return [...section.matchAll(/^```(\w+)(?: (\w+))?\n(.*?)^```$/gms)].map(
    ([, language = '', terminal = null, text = '']) => ({ language, terminal, text }),
  )
}
