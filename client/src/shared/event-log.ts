// The last steps of the stream, as this tab saw them. Another tab whose place is in the log can go on from there. But
// nothing goes on within a snapshot, which lacks the deletes that Kafka has dropped: the other tab may need them.
// Promise: it holds at most `unitsMax` UTF-16 units, and one event more.

import type { Entry, Place } from './messages.ts'

/** Units that each entry counts beyond its text. */
const ENTRY_OVERHEAD = 64

export class EventLog {
  readonly #unitsMax: number
  #entries: Entry[] = []
  #units = 0
  /** The place before the first entry. */
  #start: Place
  #place: Place

  constructor(place: Place, unitsMax: number) {
    this.#start = place
    this.#place = place
    this.#unitsMax = unitsMax
  }

  /** After the last entry. */
  get place(): Place {
    return this.#place
  }

  append(entry: Entry): void {
    const { id, event } = entry
    // After a gap the same event IDs can come again and mean something else.
    if (isBeginning(entry)) this.#clear({ recordId: id, id, isReady: false })
    else if (event?.type === 'ready' && !this.#place.isReady) this.#clear(this.#place)
    // Of moves that follow each other the last one says all, so an idle stream does not grow.
    if (event === null && this.#entries.at(-1)?.event === null) this.#drop(this.#entries.pop())
    this.#entries.push(entry)
    this.#units += unitsOf(entry)
    this.#place = placeAfter(this.#place, entry)
    while (this.#units > this.#unitsMax && this.#entries.length > 1) this.#evict()
  }

  /** What comes after the place; null if the log does not have it. */
  after(place: Place): readonly Entry[] | null {
    const entries = this.#find(place)
    return entries && this.#complete(entries, place)
  }

  /**
   * The last entries, which follow the place, with a `ready` for a tab that never got one. The leader’s own
   * may have come before this place, or have left the log, and comes once for each connection.
   */
  #complete(entries: readonly Entry[], place: Place): readonly Entry[] {
    const { id, isReady } = this.#place
    if (place.isReady || !isReady || entries.some(({ event }) => event?.type === 'ready')) return entries
    return [...entries, { id, event: { type: 'ready', data: '', id } }]
  }

  #find(place: Place): readonly Entry[] | null {
    // Before the first record the start is a place that all tabs share. Later it is not: a stream that begins now may
    // begin elsewhere, by the server's choice.
    if (place.id === '') return this.#place.recordId === '' && this.#start.id === '' ? this.#entries : null
    if (!this.#place.isReady) return null
    // A `ready` has the ID of the record before it, so a tab that saw only that record still needs the `ready`.
    const known = this.#entries.filter((entry) => isAt(entry, place))
    const record = known.filter(isRecord).at(-1)
    if (record !== undefined) return this.#after(record)
    const { recordId, id } = this.#start
    if (isAt({ id }, place) || isAt({ id: recordId }, place)) return this.#entries
    const last = known.at(-1)
    return last === undefined ? null : this.#after(last)
  }

  #after(entry: Entry): readonly Entry[] {
    return this.#entries.slice(this.#entries.lastIndexOf(entry) + 1)
  }

  #evict(): void {
    const first = this.#entries.shift()
    if (first === undefined) return
    this.#drop(first)
    this.#start = placeAfter(this.#start, first)
  }

  #drop(entry: Entry | undefined): void {
    if (entry !== undefined) this.#units -= unitsOf(entry)
  }

  #clear(start: Place): void {
    this.#entries = []
    this.#units = 0
    this.#start = start
  }
}

function isAt({ id }: { readonly id: string }, place: Place): boolean {
  return id !== '' && (id === place.id || id === place.recordId)
}

export function unitsOf({ id, event }: Entry): number {
  return id.length + (event?.data.length ?? 0) + ENTRY_OVERHEAD
}

function placeAfter(place: Place, entry: Entry): Place {
  const { id, event } = entry
  const isReady = event?.type === 'ready' || (place.isReady && !isBeginning(entry))
  return { recordId: isRecord(entry) ? id : place.recordId, id, isReady }
}

/** A gap after which everything follows from the beginning. */
function isBeginning({ event }: Entry): boolean {
  return event?.type === 'gap' && event.data !== 'too-large'
}

function isRecord({ event }: Entry): boolean {
  return event !== null && event.type !== 'ready'
}
