// Where a claim stands in a token, as options say it: `sub`, `realm_access.roles`, `["https://example.com/org"].id`.
// Promise: only what an object itself has is found, nothing of a prototype.

/** A claim by its path from the root of the token, `['org', 'id']` for `org.id`. */
export type ClaimPath = readonly string[]

export interface ClaimStep {
  readonly name: string
  /** Whether it stands in brackets, as a JSON string. */
  readonly isQuoted: boolean
}

/** A claim by its name: the very name, or else a path. */
export interface ClaimName {
  readonly text: string
  /** null if the text is no path. */
  readonly path: ClaimPath | null
}

/** One step of a claim's path: a name after a dot, or a JSON string in brackets, for a name that holds dots. */
const STEP = /\.([^.[\]{}"\s]+)|\[("(?:[^"\\]|\\.)*")\]/y

/** The steps that stand in a text from `at` on, and where they end. */
export function readClaimSteps(text: string, at: number): { steps: ClaimStep[]; end: number } {
  const steps: ClaimStep[] = []
  let end = at
  STEP.lastIndex = at
  for (let found = STEP.exec(text); found !== null; found = STEP.exec(text)) {
    const [, plain, quoted = ''] = found
    const name = plain ?? parsedString(quoted)
    if (name === null) break
    steps.push({ name, isQuoted: plain === undefined })
    end = STEP.lastIndex
  }
  return { steps, end }
}

/**
 * Many providers name claims by URLs, dots included, so a claim of the very name goes before a path. Throws a
 * SyntaxError for a text with a bracket that is no path, because no provider's claim has such a name.
 */
export function parseClaimName(text: string): ClaimName {
  const steps = text.startsWith('[') ? text : `.${text}`
  const read = readClaimSteps(steps, 0)
  if (read.steps.length > 0 && read.end === steps.length) {
    return { text, path: read.steps.map(({ name }) => name) }
  }
  if (/[[\]]/.test(text)) throw new SyntaxError('a name with dots stands in brackets and double quotes')
  return { text, path: null }
}

/** What a token says under this name; undefined for nothing. */
export function namedClaim(claims: Readonly<Record<string, unknown>>, { text, path }: ClaimName): unknown {
  if (Object.hasOwn(claims, text)) return claims[text]
  return path === null ? undefined : claimAt(claims, path)
}

/** What stands at the path; undefined for nothing. */
export function claimAt(claims: Readonly<Record<string, unknown>>, path: ClaimPath): unknown {
  let value: unknown = claims
  for (const name of path) value = Array.isArray(value) ? undefined : ownMember(value, name)
  return value
}

/** Only what the object itself has, so that no claim is found in a prototype. */
export function ownMember(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return (value as Readonly<Record<string, unknown>>)[name] // an object, as checked
}

/** null if the text in quotes is no JSON string. */
function parsedString(quoted: string): string | null {
  try {
    return String(JSON.parse(quoted))
  } catch {
    return null
  }
}
