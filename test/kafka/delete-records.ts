// Kafka's DeleteRecords, which node-rdkafka lacks, spoken by hand: moves the start of a partition's log.
// https://kafka.apache.org/protocol.html#The_Messages_DeleteRecords, version 0.

import { once } from 'node:events'
import { connect } from 'node:net'

const DELETE_RECORDS = 21
const VERSION = 0
const TIMEOUT_MS = 10_000
/** Of what stands behind the size in an answer for one partition: partition, log start, error. */
const RESULT_BYTES = 4 + 8 + 2

export interface Broker {
  readonly host: string
  readonly port: number
}

/** Deletes what lies below `offset`; resolves when the leader, which one has to know, has done so. */
export async function deleteRecords(
  leader: Broker,
  topic: string,
  partition: number,
  offset: number,
): Promise<void> {
  const socket = connect(leader.port, leader.host)
  try {
    socket.write(request(topic, partition, offset))
    const [answer]: Buffer[] = await once(socket, 'data', { signal: AbortSignal.timeout(TIMEOUT_MS) })
    const code = answer?.readInt16BE(answer.length - RESULT_BYTES + 12)
    if (code !== 0) throw new Error(`Kafka did not delete the records: error ${code}`)
  } finally {
    socket.destroy()
  }
}

function request(topic: string, partition: number, offset: number): Buffer {
  const header = [int16(DELETE_RECORDS), int16(VERSION), int32(0), text('tests')]
  const topics = [int32(1), text(topic), int32(1), int32(partition), int64(offset)]
  const body = Buffer.concat([...header, ...topics, int32(TIMEOUT_MS)])
  return Buffer.concat([int32(body.length), body])
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([int16(bytes.length), bytes])
}
