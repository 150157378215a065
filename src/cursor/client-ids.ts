// The ids that are right for a client whose position is another process's: the bus's ids merged with it, until the bus
// has all that the client has.

import type { BusView } from '../bus/bus-view.ts'
import { formatEventId, parseEventId } from '../bus/event-id.ts'
import { covers, EMPTY_POSITION, FROM_BEGINNING, furthest, type Position } from '../bus/position.ts'

export class ClientIds {
  /** The client's position as of now. null: the bus's own ids are right for it. */
  position: Position | null
  /** The position from which the client resumed. */
  private resumed: Position | null

  constructor(resumed: Position | null) {
    this.position = resumed
    this.resumed = resumed
  }

  /** The client resumes from another position, and is told `position`; null: from the bus's own. */
  resume(resumed: Position | null, position = resumed): void {
    this.position = position
    this.resumed = resumed
  }

  /**
   * Whether the client had this record when it resumed. Its present position does not tell: the frame that deletes a
   * key follows a record of the same offset.
   */
  has(partition: number, offset: number): boolean {
    return this.resumed !== null && offset < (this.resumed.get(partition) ?? FROM_BEGINNING)
  }

  /** The client's id once it has a frame with this id. null: the id itself, from now on. */
  merge(id: string): string | null {
    if (this.position === null) return null
    this.moveTo(parseEventId(id) ?? EMPTY_POSITION)
    return this.position === null ? null : formatEventId(this.position)
  }

  /** The client's id once it has everything that the bus has. */
  atTail(bus: BusView): string {
    if (this.position === null) return bus.positionText()
    this.moveTo(bus.position())
    return this.position === null ? bus.positionText() : formatEventId(this.position)
  }

  private moveTo(prefix: Position): void {
    const { position } = this
    if (position !== null) this.position = covers(prefix, position) ? null : furthest(prefix, position)
  }
}
