// The fields of Kafka's protocol, written and read: versions without tagged fields.
// https://kafka.apache.org/protocol.html#protocol_types

/** Counts that are larger belong to no answer that is read here. */
const COUNT_MAX = 100_000

export function int8Field(value: number): Buffer {
  return Buffer.from([value & 0xff])
}

export function int16Field(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

export function int32Field(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export function textField(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([int16Field(bytes.length), bytes])
}

export function bytesField(value: Uint8Array): Buffer {
  return Buffer.concat([int32Field(value.length), value])
}

export function listField(items: readonly Buffer[]): Buffer {
  return Buffer.concat([int32Field(items.length), ...items])
}

/** Reads an answer's fields in order. Throws a RangeError where the answer is too short. */
export class FieldReader {
  private readonly bytes: Buffer
  private at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  int8(): number {
    return this.bytes.readInt8(this.advance(1))
  }

  int16(): number {
    return this.bytes.readInt16BE(this.advance(2))
  }

  int32(): number {
    return this.bytes.readInt32BE(this.advance(4))
  }

  nullableText(): string | null {
    const length = this.int16()
    return length < 0 ? null : this.slice(length).toString()
  }

  text(): string {
    return this.nullableText() ?? ''
  }

  bytesOf(): Buffer {
    return this.slice(Math.max(0, this.int32()))
  }

  list<T>(read: () => T): T[] {
    const count = this.int32()
    if (count > COUNT_MAX) throw new RangeError(`a list of ${count} in an answer of Kafka's`)
    return Array.from({ length: Math.max(0, count) }, read)
  }

  private slice(length: number): Buffer {
    const from = this.advance(length)
    if (this.at > this.bytes.length) throw new RangeError("an answer of Kafka's is too short")
    return this.bytes.subarray(from, this.at)
  }

  private advance(length: number): number {
    const from = this.at
    this.at += length
    return from
  }
}
