// What a conversion has to say to its reader, a line of the configuration each. Promise: no value of a credential.

import type { YamlPlace } from './place.ts'

export interface Note {
  readonly line: number
  readonly words: string
}

export class Notes {
  private readonly noted: Note[] = []
  private leftOut = 0

  /** Says something of this place, and counts it as read with all that it holds. */
  add(place: YamlPlace, words: string): void {
    place.readAll()
    this.say(place, words)
  }

  /** Says something of a place of which something is still to be read. */
  say({ line, path }: YamlPlace, words: string): void {
    this.noted.push({ line, words: path === '' ? words : `${path}: ${words}` })
  }

  /** A stream that is not converted, because it would give records to clients that Zilla does not give them to. */
  leaveOut(place: YamlPlace, words: string): void {
    this.leftOut++
    this.say(place, `${words}. The stream is left out`)
  }

  get streamsLeftOut(): number {
    return this.leftOut
  }

  /** By line, each once. */
  get all(): readonly Note[] {
    const seen = new Set<string>()
    const once = this.noted.filter(({ line, words }) => {
      const key = `${line} ${words}`
      return !seen.has(key) && seen.add(key)
    })
    return once.sort((one, other) => one.line - other.line)
  }
}
