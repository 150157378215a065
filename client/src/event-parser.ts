// Parses an event stream (HTML spec 9.2.6). Pure: bytes in, events out, no clock and no connection.

import { StreamError } from './stream-error.ts'

/** The longest event of the server: 16 MiB, and 128 KiB for an id merged with the one that the client had. */
export const EVENT_LENGTH_MAX = 16_777_216 + 131_072

export interface ParsedEvent {
  /** `message` if the stream did not say. */
  readonly type: string
  readonly data: string
  /** The last event ID as of this event. */
  readonly id: string
}

/** Receives what the parser finds, in the order of the stream. */
export interface EventSink {
  event(event: ParsedEvent): void
  /** An event without data that changed the last event ID to this. */
  moved(lastEventId: string): void
  retry(retryMs: number): void
  comment(text: string): void
}

/**
 * Accepts chunks that are cut anywhere, LF, CR and CRLF, and a leading BOM. An `id` takes effect with the blank line
 * that ends its event. Throws StreamError `event-too-large` for an event of more than `eventLengthMax` UTF-16 units.
 */
export class EventParser {
  /** As of the last blank line, so that an event that was cut off does not change it. */
  lastEventId: string
  readonly #sink: EventSink
  readonly #lengthMax: number
  // Also removes the byte order mark.
  readonly #decoder = new TextDecoder()
  /** The part of a line whose end has not come yet. */
  #line = ''
  /** The last chunk ended with CR, so an LF at the start of the next one belongs to it. */
  #afterReturn = false
  #type = ''
  #data: string[] = []
  #dataLength = 0
  #id: string

  constructor(sink: EventSink, options: { lastEventId?: string; eventLengthMax?: number } = {}) {
    this.#sink = sink
    this.#lengthMax = options.eventLengthMax ?? EVENT_LENGTH_MAX
    this.lastEventId = options.lastEventId ?? ''
    this.#id = this.lastEventId
  }

  /** Replaces the last event ID, as if it had been received. */
  moveTo(lastEventId: string): void {
    this.lastEventId = lastEventId
    this.#id = lastEventId
  }

  push(chunk: Uint8Array): void {
    const text = this.#decoder.decode(chunk, { stream: true })
    if (text === '') return
    const lineEnd = /\r\n|\r|\n/g
    let start = this.#afterReturn && text.startsWith('\n') ? 1 : 0
    lineEnd.lastIndex = start
    for (let match = lineEnd.exec(text); match !== null; match = lineEnd.exec(text)) {
      this.#hold(text.slice(start, match.index))
      start = lineEnd.lastIndex
      const line = this.#line
      this.#line = ''
      this.#readLine(line)
    }
    this.#hold(text.slice(start))
    this.#afterReturn = text.endsWith('\r')
  }

  #hold(part: string): void {
    if (this.#dataLength + this.#line.length + part.length > this.#lengthMax) {
      throw new StreamError('event-too-large', `An event is longer than ${this.#lengthMax}`)
    }
    this.#line += part
  }

  #readLine(line: string): void {
    const colon = line.indexOf(':')
    if (line === '') this.#dispatch()
    else if (colon === 0) this.#sink.comment(line.slice(1))
    else if (colon === -1) this.#readField(line, '')
    else this.#readField(line.slice(0, colon), line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1))
  }

  #readField(name: string, value: string): void {
    if (name === 'data') {
      this.#data.push(value)
      this.#dataLength += value.length + 1
    } else if (name === 'event') this.#type = value
    else if (name === 'id' && !value.includes('\0')) this.#id = value
    else if (name === 'retry' && /^[0-9]+$/.test(value)) this.#sink.retry(Number(value))
  }

  #dispatch(): void {
    const event = { type: this.#type || 'message', data: this.#data.join('\n'), id: this.#id }
    const empty = this.#data.length === 0
    const moved = this.#id !== this.lastEventId
    this.#type = ''
    this.#data = []
    this.#dataLength = 0
    this.lastEventId = this.#id
    if (!empty) this.#sink.event(event)
    else if (moved) this.#sink.moved(event.id)
  }
}
