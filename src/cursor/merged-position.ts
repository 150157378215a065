// The position of a client that resumes from another process. It tells which frames the client has, and gives the
// others their ids. It is needed until this bus's own ids cover all that the client has.

import { PositionEncoder } from '../bus/event-id.ts'
import { FROM_BEGINNING, furthest, type Position } from '../bus/position.ts'

export class MergedPosition {
  /** What the client has after the last frame that was read. Partitions ascend, as in event ids. */
  private offsets: Map<number, number>
  /** The client's own offsets that are ahead of what the cursor has passed in this bus. Empty when the two agree. */
  private readonly ahead: Map<number, number>
  private readonly encoder = new PositionEncoder(1)

  /** `prefix`: the bus's position before the first frame for which `move` will be called. */
  constructor(client: Position, prefix: Position) {
    this.offsets = ascending(furthest(prefix, client))
    this.ahead = new Map([...client].filter(([partition, offset]) => offset > offsetIn(prefix, partition)))
  }

  /** What the client has: all offsets below these. */
  get position(): Position {
    return this.offsets
  }

  /** Whether the client has this record already. */
  has(partition: number, offset: number): boolean {
    return offset < offsetIn(this.offsets, partition)
  }

  /** Notes that the frame of this record was read. */
  move(partition: number, offset: number): void {
    if (!this.offsets.has(partition))
      this.offsets = ascending(new Map(this.offsets).set(partition, offset + 1))
    if (!this.has(partition, offset)) this.offsets.set(partition, offset + 1)
    const wanted = this.ahead.get(partition)
    if (wanted !== undefined && wanted <= offset + 1) this.ahead.delete(partition)
  }

  /** Whether the bus's own ids will be right for the client after the frame of this record. */
  agreesAfter(partition: number, offset: number): boolean {
    const wanted = this.ahead.get(partition)
    const left = wanted !== undefined && wanted <= offset + 1 ? 1 : 0
    return this.ahead.size === left
  }

  /** Notes that the cursor has passed everything before `prefix`, including records without a frame. */
  moveTo(prefix: Position): void {
    this.offsets = ascending(furthest(this.offsets, prefix))
    for (const [partition, offset] of this.ahead) {
      if (offset <= offsetIn(prefix, partition)) this.ahead.delete(partition)
    }
  }

  /** Whether the bus's own ids are right for the client from here on. */
  get agrees(): boolean {
    return this.ahead.size === 0
  }

  /** The event id as bytes. Made for every frame that is sent, so without a string in between. */
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

/** The position with its partitions in ascending order: itself if they are, as in a bus and in our own ids. */
function ascending(position: Map<number, number>): Map<number, number> {
  let last = -1
  for (const partition of position.keys()) {
    if (partition < last) return new Map([...position].sort(([a], [b]) => a - b))
    last = partition
  }
  return position
}
