// The table "Blocks" of docs/protocol.md: its rows are all that a stream sends, byte for byte, with and without
// signals.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Bus } from '../../../src/bus/bus.ts'
import { FRAME_BYTES_MAX } from '../../../src/bus/frame.ts'
import type { KafkaRecord } from '../../../src/bus/record.ts'
import { Cursor } from '../../../src/cursor/cursor.ts'
import { CHALLENGE, end, gap, heartbeat, ready, retry, withNamedGaps } from '../../../src/stream/signals.ts'

const protocol = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')
const [, section = ''] = protocol.split('\n## Blocks\n')
const rows = [...(section.split(/^## /m)[0] ?? '').matchAll(/^\| ([^|]+) \| `([^|]+)` \| (.+) \|$/gm)]
const documented = new Map(
  rows.map(([, name = '', plain = '', named = '']) => [
    name,
    [bytesOf(plain), named === 'the same' ? bytesOf(plain) : bytesOf(named.replaceAll('`', ''))],
  ]),
)

const ID = 'AQIABA=='
const KEY = Buffer.from('1')

function bytesOf(example: string): string {
  return example.replaceAll('\\n', '\n')
}

/** What a bus makes of a record at this offset of partition 0. */
function frameOf(offset: number, value: Uint8Array | null): string {
  const bus = new Bus({
    encoding: 'text',
    keeps: 'latest',
    retainedBytesMax: 2 ** 26,
    retainedRecordsMax: 100,
    retainedMsMax: null,
    deleteRetentionMs: 60_000,
  })
  const record: KafkaRecord = { partition: 0, offset, timestampMs: 0, key: KEY, value, headers: [] }
  bus.setPartition(0, offset)
  bus.append(record)
  bus.publish()
  return Cursor.fromBeginning(bus).read(FRAME_BYTES_MAX)?.toString() ?? ''
}

const same = (block: string | Buffer) => [block.toString(), block.toString()]
const bySignals = (make: (signals: boolean) => Buffer) => [false, true].map((each) => make(each).toString())

const sent: Record<string, readonly string[]> = {
  'reconnection time': same(retry(2173)),
  record: same(frameOf(0, Buffer.from('{"id":1,"name":"Hello World!"}'))),
  delete: same(frameOf(1, null)),
  'record too large': bySignals((signals) => {
    const frame = Buffer.from(frameOf(1, Buffer.alloc(FRAME_BYTES_MAX)))
    return signals ? withNamedGaps(frame) : frame
  }),
  challenge: same(CHALLENGE),
  heartbeat: bySignals((signals) => heartbeat(null, signals)),
  'heartbeat with id': bySignals((signals) => heartbeat(ID, signals)),
  ready: bySignals((signals) => ready(ID, signals)),
  'gap, before the first record': bySignals((signals) => gap('too-old', { signals, isOpen: false })),
  'gap `recreated`, and any gap at which an open stream starts again': bySignals((signals) =>
    gap('recreated', { signals, isOpen: true }),
  ),
  end: bySignals((signals) => end('expired', signals)),
}

describe('the blocks of docs/protocol.md', () => {
  it('are those that a stream sends', () => {
    expect([...documented.keys()].sort()).toEqual(Object.keys(sent).sort())
  })

  it.each(Object.entries(sent))('%s: the exact bytes', (name, blocks) => {
    expect(documented.get(name)).toEqual(blocks)
  })
})
