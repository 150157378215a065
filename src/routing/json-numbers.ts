// Finds numbers in a JSON text as they are written: JSON.parse makes 1 of 1.0, and rounds long ones. Promise: one pass
// over the text, for any number of paths of any depth, without recursion.

/** A place on the way to a wanted number. */
interface Wanted {
  readonly children: Map<string, Wanted>
  /** The number as it is written; null until it is found. */
  number: string | null
}

/** An object or a list that the scan is in. */
interface Open {
  readonly wanted: Wanted
  /** Index of the next element of a list. null: it is an object. */
  index: number | null
}

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_LIST = 0x5b
const BACKSLASH = 0x5c
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const SPACE = 0x20
const WORD = /[a-z0-9.E+-]*/y

/** The number at each path, of which each leads to one. `text` is valid JSON. Of duplicate members the last counts. */
export function numberTexts(text: string, paths: readonly (readonly string[])[]): (string | null)[] {
  if (paths.length === 0) return []
  const root = place()
  const ends = paths.map((path) => path.reduce(childOf, root))
  new Scan(text, root).run()
  return ends.map(({ number }) => number)
}

function place(): Wanted {
  return { children: new Map(), number: null }
}

function childOf({ children }: Wanted, name: string): Wanted {
  const child = children.get(name) ?? place()
  children.set(name, child)
  return child
}

class Scan {
  private readonly text: string
  private at = 0
  private readonly open: Open[] = []

  constructor(text: string, root: Wanted) {
    this.text = text
    this.readValue(root)
  }

  /** Reads on to the end of the root. */
  run(): void {
    for (let inside = this.open.at(-1); inside !== undefined; inside = this.open.at(-1)) {
      this.skipSpace()
      const code = this.text.charCodeAt(this.at)
      if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
        this.at++
        this.open.pop()
      } else if (code === COMMA) this.at++
      else this.readMember(inside)
    }
  }

  private readMember(inside: Open): void {
    const name = inside.index === null ? this.readName() : String(inside.index++)
    const wanted = inside.wanted.children.get(name)
    this.skipSpace()
    if (wanted === undefined) this.skipValue()
    else this.readValue(wanted)
  }

  /** Enters an object or a list; notes a number; passes anything else. */
  private readValue(wanted: Wanted): void {
    this.skipSpace()
    const code = this.text.charCodeAt(this.at)
    if (code === OPEN_OBJECT || code === OPEN_LIST) {
      this.at++
      this.open.push({ wanted, index: code === OPEN_LIST ? 0 : null })
      return
    }
    const start = this.at
    this.skipValue()
    if (code !== QUOTE) wanted.number = this.text.slice(start, this.at)
  }

  private readName(): string {
    const start = this.at
    this.skipString()
    const quoted = this.text.slice(start, this.at)
    this.skipSpace()
    this.at++ // the colon
    return quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1)
  }

  /** Passes one value, of any depth. */
  private skipValue(): void {
    const code = this.text.charCodeAt(this.at)
    if (code === QUOTE) this.skipString()
    else if (code === OPEN_OBJECT || code === OPEN_LIST) this.skipNested()
    else this.skipWord()
  }

  private skipNested(): void {
    let depth = 0
    do {
      const code = this.text.charCodeAt(this.at)
      if (code === QUOTE) {
        this.skipString()
        continue
      }
      if (code === OPEN_OBJECT || code === OPEN_LIST) depth++
      else if (code === CLOSE_OBJECT || code === CLOSE_LIST) depth--
      this.at++
    } while (depth > 0)
  }

  /** A quote ends the string unless an odd number of backslashes stands before it. */
  private skipString(): void {
    const { text } = this
    let end = this.at
    let first: number
    do {
      end = text.indexOf('"', end + 1)
      first = end
      while (text.charCodeAt(first - 1) === BACKSLASH) first--
    } while ((end - first) % 2 === 1)
    this.at = end + 1
  }

  /** A number, true, false or null. */
  private skipWord(): void {
    WORD.lastIndex = this.at
    WORD.test(this.text)
    this.at = WORD.lastIndex
  }

  /** Between values, all characters up to the blank are blanks. */
  private skipSpace(): void {
    while (this.text.charCodeAt(this.at) <= SPACE) this.at++
  }
}
