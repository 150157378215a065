// The list of events, newest first: batched by animation frame, filtered, paused. Promise: at any rate of events it
// keeps at most ROWS_MAX of them and CHARACTERS_MAX characters, and a frame makes at most ROWS_MAX rows.

import { lineOf } from './record.js'
import { row } from './row.js'

/** Events that are kept; older ones are removed. */
export const ROWS_MAX = 1_000
/** Of all events that are kept together. A record may have 16 MiB. */
const CHARACTERS_MAX = 8 << 20

export class RecordList {
  /** Called after a frame, with the numbers `kept`, `shown` and `held`. */
  onChange = () => {}
  #list
  /** Kept events, oldest first. Each has its row if it matches the filter. */
  #kept = []
  #characters = 0
  /** Events for the next frame, or held while paused, oldest first: fewer than 2 * ROWS_MAX. */
  #waiting = []
  #waitingCharacters = 0
  #held = 0
  #filter = ''
  #isPaused = false
  #isFrameAsked = false

  constructor(list) {
    this.#list = list
  }

  add(event) {
    const characters = event.text.length + event.id.length
    this.#waiting.push({ event, characters, atMs: Date.now(), item: null })
    this.#waitingCharacters += characters
    if (this.#isPaused) this.#held++
    // A page in the background gets no frames, and one that is paused makes no rows.
    if (this.#waiting.length >= ROWS_MAX * 2 || this.#waitingCharacters > CHARACTERS_MAX * 2)
      this.#dropWaiting()
    this.#askForFrame()
  }

  get isPaused() {
    return this.#isPaused
  }

  set isPaused(isPaused) {
    this.#isPaused = isPaused
    this.#held = 0
    this.#askForFrame()
  }

  /** Only events with this text in their key or value are shown. Case does not matter. */
  set filter(text) {
    this.#filter = text.toLowerCase()
    for (const entry of this.#kept) entry.item = null
    const shown = this.#kept.filter((entry) => this.#matches(entry))
    this.#list.replaceChildren(...shown.map((entry) => this.#rowOf(entry)).reverse())
    this.#tell()
  }

  clear() {
    this.#kept = []
    this.#waiting = []
    this.#characters = 0
    this.#waitingCharacters = 0
    this.#held = 0
    this.#list.replaceChildren()
    this.#tell()
  }

  /** What is shown, a line of JSON for each record, oldest first. */
  text() {
    const records = this.#kept.filter(({ item, event: { kind } }) => item && /message|delete/.test(kind))
    return records.map(({ event }) => `${lineOf(event)}\n`).join('')
  }

  #askForFrame() {
    if (this.#isFrameAsked) return
    this.#isFrameAsked = true
    requestAnimationFrame(() => {
      this.#isFrameAsked = false
      if (!this.#isPaused) this.#takeWaiting()
      this.#tell()
    })
  }

  #takeWaiting() {
    this.#dropWaiting()
    const taken = this.#waiting
    this.#waiting = []
    this.#waitingCharacters = 0
    for (const entry of taken) this.#characters += entry.characters
    this.#kept.push(...taken)
    for (const entry of this.#kept.splice(0, leaving(this.#kept, this.#characters))) {
      this.#characters -= entry.characters
      entry.item?.remove()
    }
    // The oldest ones that were taken may have left already.
    const fresh = taken.slice(-this.#kept.length).filter((entry) => this.#matches(entry))
    this.#list.prepend(...fresh.map((entry) => this.#rowOf(entry)).reverse())
  }

  #dropWaiting() {
    const dropped = this.#waiting.splice(0, leaving(this.#waiting, this.#waitingCharacters))
    for (const { characters } of dropped) this.#waitingCharacters -= characters
  }

  #matches({ event: { kind, key, text } }) {
    if (this.#filter === '' || kind === 'gap') return true
    return `${key ?? ''}\n${text}`.toLowerCase().includes(this.#filter)
  }

  #rowOf(entry) {
    entry.item = row(entry)
    return entry.item
  }

  #tell() {
    this.onChange({ kept: this.#kept.length, shown: this.#list.childElementCount, held: this.#held })
  }
}

/** How many of the oldest entries are beyond the limits. The newest one stays, however long it is. */
function leaving(entries, characters) {
  let count = 0
  let left = characters
  while (count < entries.length - 1 && (entries.length - count > ROWS_MAX || left > CHARACTERS_MAX)) {
    left -= entries[count].characters
    count++
  }
  return count
}
