// The oldest segment that still has something which only new records bring: each segment is passed over once, not at every look.

import type { Segment } from './segment.ts'
import { indexOfSequence } from './segment-search.ts'

export class OldestWith {
  private readonly has: (segment: Segment) => boolean
  /** Nothing below this sequence has it, and nothing ever will: frames come at the tail, and compaction keeps their sequences. */
  private from = 0

  constructor(has: (segment: Segment) => boolean) {
    this.has = has
  }

  find(list: readonly Segment[]): Segment | undefined {
    for (let place = indexOfSequence(list, this.from); place < list.length; place++) {
      const segment = list[place]
      if (segment === undefined || this.has(segment)) return segment
      this.from = segment.lastSequence + 1
    }
    return undefined
  }
}
