// Reads a YAML document into places. Promise: input of any kind costs bounded time and memory, because size, depth and
// aliases are bounded before the document is composed; an error names its line and column, and quotes no value.

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
} from 'yaml'
import { type Content, pathBelow, YamlPlace } from './place.ts'

/** Levels of maps and lists in flow style (`[ ]`, `{ }`), and of `-` and `?` on one line. */
export const YAML_NESTED_MAX = 64
/** Columns before a line's first character, and before a `-` or `?`. Each level of block style takes one at least. */
export const INDENTED_MAX = 200
export const ALIASES_MAX = 100

/** An error at a line and a column, both counted from 1. */
export class YamlError extends Error {
  constructor(words: string, at: { readonly line: number; readonly col: number }) {
    super(`line ${at.line}, column ${at.col}: ${words}`)
    this.name = 'YamlError'
  }
}

/** The document's top. Throws a YamlError. */
export function readYaml(text: string): YamlPlace {
  refuseDepth(text)
  const lines = new LineCounter()
  // The library compares each name with all others of its map, which takes minutes for 100,000; `PlaceReader` does not.
  const parsed = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false })
  const [document, second] = Array.isArray(parsed) ? parsed : []
  const [error] = document?.errors ?? []
  if (error !== undefined) throw new YamlError(firstLine(error.message), lines.linePos(error.pos[0]))
  if (second !== undefined) {
    throw new YamlError('a second document begins; there may be one', lines.linePos(second.range[0]))
  }
  return new PlaceReader(lines).top(document?.contents ?? null)
}

/** Looks at the tokens alone: composing a document that is nested too deeply takes gigabytes. */
function refuseDepth(text: string): void {
  let at = { line: 1, col: 1 }
  let flows = 0
  let compact = 0
  let aliases = 0
  for (const token of new Lexer().lex(text)) {
    const isLineStart = at.col === 1
    if (token === '[' || token === '{') flows++
    else if (token === ']' || token === '}') flows = Math.max(0, flows - 1)
    else if (token === '-' || token === '?') compact++
    else if (token.startsWith('*') && token.length > 1) aliases++
    const isIndented = (token === '-' || token === '?' || (isLineStart && /^ +$/.test(token))) && flows === 0
    const column = isLineStart && isIndented ? token.length : at.col
    if (flows > YAML_NESTED_MAX || compact > YAML_NESTED_MAX) throw new YamlError('nested too deeply', at)
    if (isIndented && column > INDENTED_MAX) throw new YamlError('indented too deeply', at)
    if (aliases > ALIASES_MAX) throw new YamlError(`more than ${ALIASES_MAX} aliases`, at)
    at = behind(token, at)
    if (at.col === 1) compact = 0
  }
}

/** Where the token ends. The lexer marks the beginnings of documents and scalars by control characters of its own. */
function behind(token: string, { line, col }: { line: number; col: number }): { line: number; col: number } {
  if (token === '\u0002' || token === '\u0018' || token === '\u001f') return { line, col }
  const breaks = token.split('\n')
  const last = breaks.at(-1) ?? ''
  return breaks.length === 1
    ? { line, col: col + token.length }
    : { line: line + breaks.length - 1, col: last.length + 1 }
}

class PlaceReader {
  private readonly lines: LineCounter
  private readonly anchors = new Map<string, YamlPlace>()

  constructor(lines: LineCounter) {
    this.lines = lines
  }

  top(contents: Document['contents']): YamlPlace {
    return this.place(contents, '', contents)
  }

  /** `named`: the node whose line is told, which is the name of a member. */
  private place(node: unknown, path: string, named: unknown): YamlPlace {
    if (isAlias(node)) {
      const target = this.anchors.get(node.source)
      if (target === undefined) throw new YamlError('the alias names no anchor above it', this.at(node))
      return target
    }
    const place = new YamlPlace({
      line: this.at(named ?? node).line,
      path,
      content: this.content(node, path),
    })
    const anchor = isMap(node) || isSeq(node) || isScalar(node) ? node.anchor : undefined
    if (anchor !== undefined) this.anchors.set(anchor, place)
    return place
  }

  private content(node: unknown, path: string): Content {
    if (isSeq(node)) {
      return {
        kind: 'list',
        items: node.items.map((item, at) => this.place(item, pathBelow(path, at), item)),
      }
    }
    if (!isMap(node)) return { kind: 'value', value: isScalar(node) ? node.value : null }
    const members = new Map<string, YamlPlace>()
    for (const { key, value } of node.items as Pair[]) {
      const name = isScalar(key) ? String(key.value) : null
      if (name === null) throw new YamlError('a name is a text', this.at(key ?? node))
      if (members.has(name)) throw new YamlError('this name stands here twice', this.at(key))
      members.set(name, this.place(value, pathBelow(path, name), key))
    }
    return { kind: 'map', members }
  }

  private at(node: unknown): { line: number; col: number } {
    const offset = (node as Node | null)?.range?.[0] ?? 0
    return this.lines.linePos(offset)
  }
}

/** What the library says, without the excerpt of the text that may follow. */
function firstLine(message: string): string {
  const [line = ''] = message.split('\n', 1)
  return `${line.charAt(0).toLowerCase()}${line.slice(1)}`
}
