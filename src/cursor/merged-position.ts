// The position of a client that comes from another process, until this process's bus has all that the client has: moved on
// by every frame that is read, it tells which frames the client has and what id the others get.

import { PositionEncoder } from '../bus/event-id.ts'
import { FROM_BEGINNING, furthest, type Position } from '../bus/position.ts'

export class MergedPosition {
  /** What the client has once it has got everything up to the frame that was read last; partitions ascending, as in ids. */
  private offsets: Map<number, number>
  /** The client's own offsets where they are ahead of the bus's prefix: none are left when the two agree. */
  private readonly ahead: Map<number, number>
  private readonly encoder = new PositionEncoder(1)

  /** `prefix`: everything that the bus holds before the first frame that `move` will be told of. */
  constructor(client: Position, prefix: Position) {
    this.offsets = ascending(furthest(prefix, client))
    this.ahead = new Map([...client].filter(([partition, offset]) => offset > offsetIn(prefix, partition)))
  }

  /** What the client has: offsets below these, wherever they stand in the bus. */
  get position(): Position {
    return this.offsets
  }

  /** Whether the client has this record already. */
  has(partition: number, offset: number): boolean {
    return offset < offsetIn(this.offsets, partition)
  }

  /** The frame of this record was read. */
  move(partition: number, offset: number): void {
    if (!this.offsets.has(partition))
      this.offsets = ascending(new Map(this.offsets).set(partition, offset + 1))
    if (!this.has(partition, offset)) this.offsets.set(partition, offset + 1)
    const wanted = this.ahead.get(partition)
    if (wanted !== undefined && wanted <= offset + 1) this.ahead.delete(partition)
  }

  /** Whether the bus's own ids speak for the client once this frame was read. */
  agreesAfter(partition: number, offset: number): boolean {
    const wanted = this.ahead.get(partition)
    const left = wanted !== undefined && wanted <= offset + 1 ? 1 : 0
    return this.ahead.size === left
  }

  /** Everything of this prefix was read, whatever of it had no frame. */
  moveTo(prefix: Position): void {
    this.offsets = ascending(furthest(this.offsets, prefix))
    for (const [partition, offset] of this.ahead) {
      if (offset <= offsetIn(prefix, partition)) this.ahead.delete(partition)
    }
  }

  /** Whether the bus's own ids speak for the client from here on. */
  get agrees(): boolean {
    return this.ahead.size === 0
  }

  /** Its text, the event id: made for every frame that is sent, so without a string in between. */
  text(): Buffer {
    const { encoder, offsets } = this
    encoder.begin(offsets.size)
    for (const [partition, offset] of offsets) encoder.add(partition, offset)
    const text = Buffer.allocUnsafe(encoder.textBytes())
    encoder.writeText(text, 0)
    return text
  }
}

function offsetIn(position: Position, partition: number): number {
  return position.get(partition) ?? FROM_BEGINNING
}

/** The position itself where its partitions ascend already, as those of a bus and of our own ids do. */
function ascending(position: Map<number, number>): Map<number, number> {
  let last = -1
  for (const partition of position.keys()) {
    if (partition < last) return new Map([...position].sort(([a], [b]) => a - b))
    last = partition
  }
  return position
}
