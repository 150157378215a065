// The client's parser against another one, and against the steps of the HTML spec, as they are written there.

import { createParser } from 'eventsource-parser'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createEventParser, type ParsedEvent } from '../../../client/src/index.ts'

interface Found {
  events: ParsedEvent[]
  retries: number[]
  comments: string[]
  lastEventId: string
}

/** Pieces that mean something to a parser, in any order, with text that does not. */
const piece = fc.oneof(
  fc.constantFrom(
    'data:',
    'data: ',
    'data',
    'event:',
    'id:',
    'id: ',
    'id',
    'retry:',
    ':',
    ': ',
    ' ',
    '12',
    'x:',
  ),
  fc.constantFrom('\n', '\r', '\r\n', '\n\n', '\r\n\r\n', '\r\r'),
  fc.constantFrom('é', '水', '🚀', '\0', '\uFEFF', 'delete', 'gap', 'AQIAAg=='),
  fc.string({ maxLength: 6 }),
)
const line = fc
  .tuple(
    fc.constantFrom('data:', 'data: ', 'event:', 'id:', 'retry:', ':'),
    fc.array(piece, { maxLength: 2 }),
    fc.constantFrom('\n', '\r', '\r\n', '\n\n', '\r\r', '\r\n\r\n'),
  )
  .map(([field, value, end]) => field + value.join('') + end)
const stream = fc.array(fc.oneof(line, piece), { maxLength: 40 }).map((parts) => parts.join(''))
const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 12 })

describe('the parser', () => {
  it('finds the events, retries and comments of eventsource-parser, however the bytes are cut', () => {
    fc.assert(
      fc.property(stream, cuts, (text, at) => {
        const ours = parse(text, at)
        const theirs = parseWithTheirs(text)
        expect(ours.events.map(({ type, data }) => ({ type, data }))).toEqual(
          theirs.events.map(({ type, data }) => ({ type, data })),
        )
        theirs.events.forEach(({ id }, index) => {
          if (id !== undefined) expect(ours.events[index]?.id).toBe(id)
        })
        expect(ours.retries).toEqual(theirs.retries)
        expect(ours.comments.map(withoutSpace)).toEqual(theirs.comments)
      }),
      { numRuns: 2_000 },
    )
  })

  it('keeps ids as the HTML spec says, however the bytes are cut', () => {
    fc.assert(
      fc.property(stream, cuts, fc.constantFrom('', 'before'), (text, at, before) => {
        expect(parse(text, at, before)).toEqual(parseByTheSpec(text, before))
      }),
      { numRuns: 2_000 },
    )
  })

  it('takes an id only with the blank line that dispatches its event', () => {
    const found = parse('data:1\nid:a\n\ndata:2\nid:b\n', [])
    expect(found.events).toEqual([{ type: 'message', data: '1', id: 'a' }])
    expect(found.lastEventId).toBe('a')
  })

  it('moves the position at a heartbeat that carries an id', () => {
    const moves: string[] = []
    const parser = createEventParser({ ...silentSink(), moved: (id) => moves.push(id) })
    parser.push(Buffer.from(':\n\n:\nid:AQIABA==\n\n:\n\n'))
    expect(moves).toEqual(['', 'AQIABA==', 'AQIABA=='])
  })

  it('takes CR and LF for one line end, even with an empty chunk between them', () => {
    expect(parse('data:1\r\ndata:2\r\n\r\n', [7, 7, 15, 15]).events).toEqual([
      { type: 'message', data: '1\n2', id: '' },
    ])
  })

  it('takes an event of exactly the limit and refuses one past it, also without a line end', () => {
    const take = (text: string) => createEventParser(silentSink(), '', 100).push(Buffer.from(text))
    expect(() => take(`data:${'x'.repeat(95)}\n\n`.repeat(3))).not.toThrow()
    expect(() => take(`data:${'x'.repeat(96)}`)).toThrow(expect.objectContaining({ code: 'event-too-large' }))
    expect(() => take('data:\n'.repeat(100))).toThrow(expect.objectContaining({ code: 'event-too-large' }))
    expect(() => take(`:${'x'.repeat(100)}`)).toThrow(expect.objectContaining({ code: 'event-too-large' }))
  })

  it('reads a value of 8 MiB in small chunks in a time that grows with its length', () => {
    const events: ParsedEvent[] = []
    const parser = createEventParser({ ...silentSink(), event: (event) => events.push(event) })
    const chunk = Buffer.alloc(1_024, 'x')
    parser.push(Buffer.from('data:'))
    for (let chunks = 0; chunks < 8_192; chunks++) parser.push(chunk)
    parser.push(Buffer.from('\n\n'))
    expect(events[0]?.data).toHaveLength(8 * 1_048_576)
  }, 5_000)
})

function parse(text: string, at: number[], lastEventId = ''): Found {
  const found: Found = { events: [], retries: [], comments: [], lastEventId }
  const parser = createEventParser(
    {
      event: (event) => found.events.push(event),
      moved: () => {},
      retry: (retryMs) => found.retries.push(retryMs),
      comment: (comment) => found.comments.push(comment),
    },
    lastEventId,
  )
  for (const chunk of cut(Buffer.from(text), at)) parser.push(chunk)
  return { ...found, lastEventId: parser.lastEventId() }
}

function cut(bytes: Buffer, at: number[]): Buffer[] {
  const edges = [0, ...at.map((edge) => Math.min(edge, bytes.length)).sort((a, b) => a - b), bytes.length]
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge))
}

function parseWithTheirs(text: string) {
  const events: { type: string; data: string; id: string | undefined }[] = []
  const retries: number[] = []
  const comments: string[] = []
  const parser = createParser({
    onEvent: ({ event, data, id }) => events.push({ type: event ?? 'message', data, id }),
    onRetry: (retryMs) => retries.push(retryMs),
    onComment: (comment) => comments.push(comment),
  })
  // It waits with a last CR for an LF, which changes nothing. The mark is the decoder's to take away.
  parser.feed(withoutMark(text))
  if (text.endsWith('\r')) parser.feed('\n')
  return { events, retries, comments }
}

/** HTML spec 9.2.6, sentence by sentence, on the whole text at once. */
function parseByTheSpec(text: string, lastEventId: string): Found {
  const found: Found = { events: [], retries: [], comments: [], lastEventId }
  let [type, data, id] = ['', '', lastEventId]
  for (const line of withoutMark(text)
    .split(/\r\n|\r|\n/)
    .slice(0, -1)) {
    const [, field = '', , value = ''] = /^([^:]*)(: ?)?(.*)$/s.exec(line) ?? []
    if (line === '') {
      found.lastEventId = id
      if (data !== '') found.events.push({ type: type || 'message', data: data.slice(0, -1), id })
      type = data = ''
    } else if (line.startsWith(':')) found.comments.push(line.slice(1))
    else if (field === 'event') type = value
    else if (field === 'data') data += `${value}\n`
    else if (field === 'id' && !value.includes('\0')) id = value
    else if (field === 'retry' && /^[0-9]+$/.test(value)) found.retries.push(Number(value))
  }
  return found
}

function silentSink() {
  return { event: () => {}, moved: () => {}, retry: () => {}, comment: () => {} }
}

function withoutMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text
}

function withoutSpace(comment: string): string {
  return comment.startsWith(' ') ? comment.slice(1) : comment
}
