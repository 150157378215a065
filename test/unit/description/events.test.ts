// The payloads of the events as they are described: the bytes that a stream writes are valid by them.

import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { describe, expect, test } from 'vitest'
import { eventLines } from '../../../src/bus/frame.ts'
import type { Encoding, KafkaRecord } from '../../../src/bus/record.ts'
import { renewalMessage, sentMessages } from '../../../src/description/events.ts'
import { createCounters } from '../../../src/stream/counters.ts'
import * as signals from '../../../src/stream/signals.ts'

const RECORD = {
  partition: 0,
  offset: 7,
  timestampMs: 1_750_000_000_000,
  key: Buffer.from('k'),
  value: Buffer.from('{"a":1}'),
  headers: [
    { name: 'text', value: Buffer.from('v') },
    { name: 'bytes', value: Buffer.from([0xff]) },
    { name: 'none', value: null },
  ],
} satisfies KafkaRecord
const BYTES = Buffer.from([0xff, 0xfe])

/** The event that these bytes are, by a parser of somebody else's. */
function eventOf(bytes: Uint8Array): EventSourceMessage {
  const events: EventSourceMessage[] = []
  createParser({ onEvent: (event) => events.push(event) }).feed(Buffer.from(bytes).toString())
  const [event] = events
  if (event === undefined || events.length > 1) throw new Error(`these are ${events.length} events`)
  return event
}

function recordEvent(record: KafkaRecord, encoding: Encoding): EventSourceMessage {
  return eventOf(Buffer.concat([...(eventLines(record, encoding) ?? []), Buffer.from('\n')]))
}

/** Faults of the event by the message of its type. */
function faultsOf(
  { event: name = 'message', data }: EventSourceMessage,
  encoding: Encoding = 'text',
): string[] {
  const message = Object.values(sentMessages(encoding)).find((each) => each.name === name)
  if (message === undefined) return [`no message describes ${name}`]
  const validate = new Ajv({ allErrors: true, allowUnionTypes: true, strictRequired: true }).compile(
    message.payload,
  )
  validate(message.contentType === 'application/json' ? JSON.parse(data) : data)
  return (validate.errors ?? []).map(({ instancePath, keyword }) => `${instancePath} ${keyword}`)
}

describe('records', () => {
  test.each(['text', 'base64', 'envelope'] as const)('in %s', (encoding) => {
    for (const record of [
      RECORD,
      { ...RECORD, key: null, value: BYTES },
      { ...RECORD, key: BYTES, headers: [] },
    ])
      expect(faultsOf(recordEvent(record, encoding), encoding)).toEqual([])
  })

  test('an envelope without an offset, or whose partition is a text, is none', () => {
    const { data } = recordEvent(RECORD, 'envelope')
    const { offset: _, ...others } = JSON.parse(data)
    const made = { id: undefined, event: undefined, data: JSON.stringify({ ...others, partition: '0' }) }
    expect(faultsOf(made, 'envelope')).toEqual([' required', '/partition type'])
  })

  test('a delete is the key', () => {
    const deleted = recordEvent({ ...RECORD, value: null }, 'text')
    expect(deleted.event).toBe('delete')
    expect(faultsOf(deleted)).toEqual([])
  })
})

describe('signals', () => {
  test('are valid, each with every reason', () => {
    const ids = 'AQIABA=='
    const made = [
      signals.CHALLENGE,
      signals.heartbeat(ids, true),
      signals.heartbeat(null, true),
      signals.ready(ids, true),
      ...reasonsOf('gap').map((reason) =>
        signals.gap(reason as signals.GapReason, { signals: true, isOpen: false }),
      ),
      ...reasonsOf('end').map((reason) => signals.end(reason as signals.SentEndReason, true)),
    ]
    for (const bytes of made) expect(faultsOf(eventOf(bytes)), bytes.toString()).toEqual([])
  })

  test('with another reason are not', () => {
    const bytes = Buffer.from('event:gap\ndata:{"reason":"lost"}\n\n')
    expect(faultsOf(eventOf(bytes))).toEqual(['/reason enum'])
  })

  test('end with the reasons that streams count, and no others', () => {
    const unsent = ['client', 'aged', 'worker-died']
    const counted = Object.keys(createCounters().streamsEnded).filter((word) => !unsent.includes(word))
    expect(reasonsOf('end').sort()).toEqual(counted.sort())
  })

  test('have the reasons of the tables in docs/protocol.md', () => {
    const protocol = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')
    for (const [name, heading] of [
      ['gap', 'Gaps'],
      ['end', 'The end'],
    ] as const) {
      const section = protocol.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
      const told = [...section.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, reason = '']) => reason)
      expect(reasonsOf(name)).toEqual(told)
    }
  })
})

/** Reasons that the description of the event lists. Copied, because the caller may sort them. */
function reasonsOf(name: 'gap' | 'end'): string[] {
  const values = sentMessages('text')[name]?.payload.properties?.reason?.enum ?? []
  return values.map(String)
}

test('the renewal has no body', () => {
  expect(renewalMessage()).toMatchObject({ payload: { type: 'null' } })
})
