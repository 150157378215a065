// Which of our secrets the servers of a control topic are heard with.

import { describe, expect, it } from 'vitest'
import type { KafkaRecord } from '../../../src/bus/record.ts'
import { ControlKeys } from '../../../src/control/control-keys.ts'
import { type ControlRecord, encodeRecord, MAC_HEADER, macText } from '../../../src/control/control-record.ts'
import { HeardSecrets } from '../../../src/control/heard-secrets.ts'
import { renewalOf } from './control-scene.ts'

const TOPIC = 'control'
const SINCE_MS = 1_800_000_000_000
const [OLD, NEW, FOREIGN] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2), Buffer.alloc(32, 3)]

/** A heartbeat, or another record, as a server with this secret writes it. */
function recordBy(secret: Uint8Array, afterMs: number, more: Partial<ControlRecord> = {}): KafkaRecord {
  const timestampMs = SINCE_MS + afterMs
  const record = { op: 'alive', by: 'a server', atMs: timestampMs, ...more } as ControlRecord
  const { key, value, mac } = encodeRecord(record, TOPIC, new ControlKeys([secret]))
  const headers = [{ name: MAC_HEADER, value: Buffer.from(macText(mac)) }]
  return { partition: 0, offset: 0, timestampMs, key, value, headers }
}

function found(...records: KafkaRecord[]) {
  const heard = new HeardSecrets(TOPIC, [NEW, OLD], SINCE_MS)
  for (const record of records) heard.note(record)
  return heard.found
}

describe('heartbeats', () => {
  it('tell the secret of the newest, in any order of partitions', () => {
    expect(found(recordBy(OLD, 1), recordBy(NEW, 2))).toEqual(NEW)
    expect(found(recordBy(NEW, 2), recordBy(OLD, 1))).toEqual(NEW)
    expect(found(recordBy(NEW, 1), recordBy(OLD, 2))).toEqual(OLD)
  })

  it('that are sent again later, with a new time of Kafka’s, count from when they were made', () => {
    const sentAgain = { ...recordBy(OLD, -86_400_000), timestampMs: SINCE_MS + 5 }
    expect(found(recordBy(NEW, 2), sentAgain)).toEqual(NEW)
    expect(found(sentAgain)).toBeNull()
  })

  it('of other secrets count only if there is none of ours', () => {
    expect(found(recordBy(FOREIGN, 2))).toBe('foreign')
    expect(found(recordBy(OLD, 1), recordBy(FOREIGN, 2), recordBy(FOREIGN, 3))).toEqual(OLD)
  })

  it.each<[string, KafkaRecord[]]>([
    ['nothing', []],
    ['older ones', [recordBy(NEW, -1), recordBy(FOREIGN, -1)]],
    ['a renewal', [recordBy(FOREIGN, 1, { op: 'renew', renewal: renewalOf() })]],
    ['a tombstone', [{ ...recordBy(FOREIGN, 1), value: null }]],
    [
      'one of a megabyte',
      [{ ...recordBy(FOREIGN, 1), value: Buffer.alloc(2 ** 20, recordBy(FOREIGN, 1).value ?? '') }],
    ],
  ])('are not heard in %s', (_, records) => {
    expect(found(...records)).toBeNull()
  })

  it('without a mac, or with one of another record, are none of ours', () => {
    expect(found({ ...recordBy(NEW, 1), headers: [] })).toBe('foreign')
    expect(found({ ...recordBy(NEW, 1), value: recordBy(NEW, 2).value })).toBe('foreign')
  })
})
