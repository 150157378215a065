// The topics of the bootstrap, filled by kcat, which is the fastest producer available. Each partition has one segment,
// which is never cleaned, so that the broker only has to answer.

import { once } from 'node:events'
import { startProgram } from '../harness/processes.mjs'
import { encodeValue, keyOf } from '../workloads/record.mjs'

const LINES_AT_ONCE = 1_000

/**
 * One record for each key, spread over the partitions by the key's hash.
 * @returns {Promise<number>} bytes of all keys and values
 */
export async function fillTopic(bootstrapServers, topic, keys, valueBytes) {
  const child = startProgram('kcat', [
    ...['-P', '-q', '-b', bootstrapServers, '-t', topic, '-K', ' '],
    ...['-X', 'queue.buffering.max.messages=200000', '-X', 'linger.ms=20', '-X', 'partitioner=murmur2'],
  ])
  const exit = once(child, 'exit')
  child.stdin.on('error', () => {}) // kcat's exit says why.
  let bytes = 0
  for (let first = 0; first < keys; first += LINES_AT_ONCE) {
    const numbers = Array.from({ length: Math.min(LINES_AT_ONCE, keys - first) }, (_, i) => first + i)
    const lines = numbers.map((number) => `${keyOf(number, keys)} ${encodeValue(number, valueBytes)}`)
    const text = `${lines.join('\n')}\n`
    bytes += text.length - 2 * lines.length // A space and a line's end are no part of a record.
    if (!child.stdin.write(text)) await Promise.race([once(child.stdin, 'drain'), exit])
  }
  child.stdin.end()
  const [code] = await exit
  if (code !== 0) throw new Error(`kcat did not fill the topic: ${child.lastWords()}`)
  return bytes
}
