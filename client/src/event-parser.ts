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
  /** An event without data. The last event ID is this now; it may have been before. */
  moved(lastEventId: string): void
  retry(retryMs: number): void
  comment(text: string): void
}

export interface EventParser {
  push(chunk: Uint8Array): void
  /** As of the last blank line, so that an event that was cut off does not change it. */
  lastEventId(): string
  /** Replaces the last event ID, as if it had been received. */
  moveTo(lastEventId: string): void
}

/**
 * Accepts chunks that are cut anywhere, LF, CR and CRLF, and a leading BOM. An `id` takes effect with the blank line
 * that ends its event. Throws StreamError `event-too-large` for an event of more than `eventLengthMax` UTF-16 units.
 */
export function createEventParser(
  sink: EventSink,
  lastEventId = '',
  eventLengthMax = EVENT_LENGTH_MAX,
): EventParser {
  // Also removes the byte order mark.
  const decoder = new TextDecoder()
  /** The part of a line whose end has not come yet. */
  let line = ''
  /** The last chunk ended with CR, so an LF at the start of the next one belongs to it. */
  let isAfterReturn = false
  let type = ''
  let data: string[] = []
  let dataLength = 0
  let position = lastEventId
  let id = lastEventId

  function hold(part: string): void {
    if (dataLength + line.length + part.length > eventLengthMax) {
      throw new StreamError('event-too-large', `An event exceeds ${eventLengthMax}`)
    }
    line += part
  }

  function readLine(text: string): void {
    const colon = text.indexOf(':')
    if (text === '') dispatch()
    else if (colon === 0) sink.comment(text.slice(1))
    else if (colon === -1) readField(text, '')
    else readField(text.slice(0, colon), text.slice(colon + (text[colon + 1] === ' ' ? 2 : 1)))
  }

  function readField(name: string, value: string): void {
    if (name === 'data') {
      data.push(value)
      dataLength += value.length + 1
    } else if (name === 'event') type = value
    else if (name === 'id' && !value.includes('\0')) id = value
    else if (name === 'retry' && /^\d+$/.test(value)) sink.retry(Number(value))
  }

  function dispatch(): void {
    const event = { type: type || 'message', data: data.join('\n'), id }
    const hasData = data.length > 0
    type = ''
    data = []
    dataLength = 0
    position = id
    if (hasData) sink.event(event)
    else sink.moved(id)
  }

  return {
    push: (chunk) => {
      const text = decoder.decode(chunk, { stream: true })
      if (!text) return
      const lines = (isAfterReturn ? text.replace(/^\n/, '') : text).split(/\r\n?|\n/)
      isAfterReturn = text.endsWith('\r')
      const rest = lines.pop() ?? ''
      for (const part of lines) {
        hold(part)
        const whole = line
        line = ''
        readLine(whole)
      }
      hold(rest)
    },
    lastEventId: () => position,
    moveTo: (moved) => {
      position = moved
      id = moved
    },
  }
}
