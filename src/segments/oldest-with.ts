// Finds the oldest segment with some property that only new records bring. Each segment is passed over once, not once
// per search.

import type { Segment } from './segment.ts'
import { indexOfSequence } from './segment-search.ts'

export class OldestWith {
  private readonly has: (segment: Segment) => boolean
  /**
   * No segment before this sequence has the property, now or later: frames are added at the tail,
   * and compaction keeps sequences.
   */
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
