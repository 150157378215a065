// The table of Kafka's troubles in docs/troubles.md: what each looks like in the log and in `/health/ready`.

import { readFileSync } from 'node:fs'

const FILE = new URL('../../docs/troubles.md', import.meta.url)
const HEADING = '## Troubles of Kafka'
/** A row: what is wrong, and the words in code quotes, in which `…` stands for any text. */
const ROW = /^\| ([^|]+) \| `([^`]+)` \|/gm

/** By what is wrong. */
export function documentedTroubles(): ReadonlyMap<string, RegExp> {
  const text = readFileSync(FILE, 'utf8')
  const section = text.slice(text.indexOf(HEADING)).split(/\n##+ /, 2)[0] ?? ''
  return new Map([...section.matchAll(ROW)].map(([, what = '', words = '']) => [what, patternOf(words)]))
}

function patternOf(words: string): RegExp {
  const literals = words.split('…').map((each) => each.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${literals.join('.*')}$`)
}
