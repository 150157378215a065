// The parameters of a path in Fastify's notation, as its router find-my-way reads it. Promise: a name that is listed is
// one that `request.params` of the path has.

/** `:NAME` up to a slash, hyphen, dot or regular expression. `::` is a colon, and `*` has no name. */
export function pathParameters(path: string): readonly string[] {
  return [...places(path)].map(({ start, end }) => path.slice(start, end))
}

/** The path without its parameters' names. The router cannot tell two paths apart that have the same. */
export function pathPattern(path: string): string {
  let pattern = ''
  let at = 0
  for (const { start, end } of places(path)) {
    pattern += path.slice(at, start)
    at = end
  }
  return pattern + path.slice(at)
}

/** The path with its parameters in braces, as OpenAPI and AsyncAPI have it. `*` becomes `{*}`. */
export function bracedPath(path: string): string {
  let braced = ''
  let at = 0
  for (const { start, end } of places(path)) {
    braced += `${literal(path.slice(at, start - 1))}{${path.slice(start, end)}}`
    at = path[end] === '(' ? expressionEnd(path, end) : end
  }
  return braced + literal(path.slice(at)).replace(/\*$/, '{*}')
}

/** What stands between parameters. A brace there would look like one of a parameter. */
function literal(text: string): string {
  return text.replaceAll('::', ':').replaceAll('{', '%7B').replaceAll('}', '%7D')
}

/** Where each name stands. */
function* places(path: string): Generator<{ readonly start: number; readonly end: number }> {
  let at = 0
  while (at < path.length) {
    if (path[at] !== ':') at++
    else if (path[at + 1] === ':') at += 2
    else {
      const end = nameEnd(path, at + 1)
      yield { start: at + 1, end }
      at = path[end] === '(' ? expressionEnd(path, end) : end
    }
  }
}

function nameEnd(path: string, start: number): number {
  const length = path.slice(start).search(/[-(./]/)
  return length === -1 ? path.length : start + length
}

/** Behind the parenthesis that closes the one at `open`. A backslash escapes one. */
function expressionEnd(path: string, open: number): number {
  let depth = 0
  for (let at = open; at < path.length; at++) {
    if (path[at] === '\\') at++
    else if (path[at] === '(') depth++
    else if (path[at] === ')' && --depth === 0) return at + 1
  }
  return path.length
}
