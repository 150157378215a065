// Makes a KafkaRecord of a node-rdkafka message.

import type { Message, MessageHeader } from 'node-rdkafka'
import type { KafkaRecord, RecordHeader } from '../../../src/bus/record.ts'

/**
 * Key and value are buffers of their own. A header's null value becomes empty: node-rdkafka does not tell them apart.
 */
export function recordOf(message: Message): KafkaRecord {
  return {
    partition: message.partition,
    offset: message.offset,
    timestampMs: message.timestamp ?? -1,
    key: bytes(message.key),
    value: bytes(message.value),
    headers: message.headers?.map(headerOf) ?? NO_HEADERS,
  }
}

const NO_HEADERS: readonly RecordHeader[] = []

function bytes(field: Uint8Array | string | null | undefined): Uint8Array | null {
  return typeof field === 'string' ? Buffer.from(field) : (field ?? null)
}

/**
 * node-rdkafka makes an object with the header's name as its only property; the name `__proto__` sets the prototype.
 */
function headerOf(header: MessageHeader): RecordHeader {
  const [entry] = Object.entries(header)
  if (entry === undefined) return { name: '__proto__', value: bytes(Object.getPrototypeOf(header)) }
  const [name, value] = entry
  return { name, value: bytes(typeof value === 'number' ? String(value) : value) }
}
