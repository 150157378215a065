// Paths of requests as Zilla writes them: `*` stands for any characters, `{name}` for one or more, slashes too. And how
// Fastify writes the same. Promise: time grows with the product of two paths' lengths, and no faster.

/** Characters of a path: as many as a stream's path may have. */
export const PATH_LENGTH_MAX = 1_000

/** Stands for what a client writes in the place of `*` or `{name}`: no path has this character. */
const ANY = '\uE000'
const WILDCARD = /\*|\{[a-zA-Z_]+\}/g

type Token = { readonly text: string } | { readonly name: string | null }

/** What each name of a path stands for: a text, or what the client writes. */
export type PathParams = ReadonlyMap<string, string | null>

/** The pieces of a path. `name` is null for `*`. */
function tokensOf(path: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  for (const { 0: wildcard, index } of path.matchAll(WILDCARD)) {
    if (index > at) tokens.push({ text: path.slice(at, index) })
    tokens.push({ name: wildcard === '*' ? null : wildcard.slice(1, -1) })
    at = index + wildcard.length
  }
  if (at < path.length) tokens.push({ text: path.slice(at) })
  return tokens
}

export function isLiteral(path: string): boolean {
  return tokensOf(path).every((token) => 'text' in token)
}

/** Whether every request that has the narrow path has the wide one, too. */
export function coversPath(wide: string, narrow: string): boolean {
  const sample = narrow.replace(WILDCARD, ANY)
  // Where a token may end in the sample, after the tokens so far.
  let ends = new Set([0])
  for (const token of tokensOf(wide)) {
    ends = 'text' in token ? endsOfText(sample, ends, token.text) : endsOfWildcard(sample, ends, token.name)
  }
  return ends.has(sample.length)
}

function endsOfText(sample: string, ends: ReadonlySet<number>, text: string): Set<number> {
  return new Set([...ends].filter((end) => sample.startsWith(text, end)).map((end) => end + text.length))
}

function endsOfWildcard(sample: string, ends: ReadonlySet<number>, name: string | null): Set<number> {
  const first = Math.min(...ends) + (name === null ? 0 : 1)
  const reached = new Set<number>()
  if (ends.size > 0) for (let end = first; end <= sample.length; end++) reached.add(end)
  return reached
}

/** Whether no request has both paths, as far as the text before their first wildcards tells. */
export function areApart(one: string, other: string): boolean {
  const [left, right] = [one, other].map((path) => path.replace(/(?:\*|\{[a-zA-Z_]+\}).*$/s, ''))
  if (left === undefined || right === undefined) return false
  const [oneIs, otherIs] = [isLiteral(one), isLiteral(other)]
  if (oneIs && otherIs) return one !== other
  if (oneIs) return !coversPath(other, one)
  if (otherIs) return !coversPath(one, other)
  return !left.startsWith(right) && !right.startsWith(left)
}

/** What the names of a path stand for in requests of the narrower path; null if several readings are possible. */
export function pathParams(path: string, narrow: string): PathParams | null {
  if (path === narrow) return new Map(namesOf(path).map((name) => [name, null]))
  const [wide, given] = [path.split('/'), narrow.split('/')]
  const params = new Map<string, string | null>()
  if (wide.length !== given.length) return namesOf(path).length === 0 ? params : null
  for (const [at, segment] of wide.entries()) {
    const text = given[at] ?? ''
    const [, name] = /^\{([a-zA-Z_]+)\}$/.exec(segment) ?? []
    if (name !== undefined) params.set(name, isLiteral(text) ? text : null)
    else if (namesOf(segment).length > 0) return null
  }
  return params
}

function namesOf(path: string): string[] {
  return tokensOf(path).flatMap((token) => ('text' in token || token.name === null ? [] : [token.name]))
}

/** In Fastify's notation; null if that has none for it. */
export function fastifyPath(path: string): string | null {
  let text = ''
  const tokens = tokensOf(path)
  for (const [at, token] of tokens.entries()) {
    const next = tokens[at + 1]
    if ('text' in token) text += token.text.replaceAll(':', '::')
    else if (token.name === null) {
      if (next !== undefined || !text.endsWith('/')) return null
      text += '*'
    } else {
      // A parameter ends at one of these characters.
      if (next !== undefined && !('text' in next && /^[-./]/.test(next.text))) return null
      text += `:${token.name}`
    }
  }
  return text.startsWith('/') && !/[{}?#\s]/.test(text) && text.length <= PATH_LENGTH_MAX ? text : null
}
