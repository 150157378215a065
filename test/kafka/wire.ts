// Kafka's protocol by hand, for requests that node-rdkafka lacks: those of versions without tagged fields.
// https://kafka.apache.org/protocol.html

import { connect } from 'node:net'

const TIMEOUT_MS = 10_000
/** Size and correlation id, before an answer's fields. */
const HEADER_BYTES = 8

export interface Broker {
  readonly host: string
  readonly port: number
}

/** Asks on a connection without TLS or SASL; resolves with the answer's fields. */
export async function askBroker(
  { host, port }: Broker,
  { key, version }: { readonly key: number; readonly version: number },
  fields: readonly Buffer[],
): Promise<Buffer> {
  const socket = connect(port, host)
  const late = setTimeout(() => socket.destroy(new Error('Kafka did not answer in time')), TIMEOUT_MS)
  try {
    const body = Buffer.concat([int16(key), int16(version), int32(0), text('tests'), ...fields])
    socket.write(Buffer.concat([int32(body.length), body]))
    let answer = Buffer.alloc(0)
    for await (const bytes of socket) {
      answer = Buffer.concat([answer, bytes])
      if (answer.length > 4 && answer.length >= 4 + answer.readInt32BE(0)) break
    }
    return answer.subarray(HEADER_BYTES)
  } finally {
    clearTimeout(late)
    socket.destroy()
  }
}

export function int8(value: number): Buffer {
  return Buffer.from([value])
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}

export function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([int16(bytes.length), bytes])
}
