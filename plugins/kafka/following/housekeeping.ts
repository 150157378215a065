// Runs the buses' housekeeping between two reads. It works in short turns, and the streams have theirs in between.
// After each read it serves the buses that got records, and once a second all buses. A turn takes some 2 ms, however
// many buses there are.

import { nextTurn } from './time-slice.ts'
import type { TopicFeed } from './topic-feed.ts'

/** Most turns between two reads. */
const TURNS_MAX = 16
/** A turn begins no further step after this time. */
const TURN_MS = 2
/** How often all buses are served: records and tombstones expire even if no record comes. */
const IDLE_MS = 1_000

export class Housekeeping {
  private readonly feeds: () => Iterable<TopicFeed>
  private readonly nowMs: () => number
  private readonly due = new Set<TopicFeed>()
  private allAtMs: number

  /** `feeds`: all that are fed. `nowMs`: only differences count. */
  constructor(feeds: () => Iterable<TopicFeed>, nowMs: () => number) {
    this.feeds = feeds
    this.nowMs = nowMs
    this.allAtMs = nowMs()
  }

  noteFed(feed: TopicFeed): void {
    this.due.add(feed)
  }

  forget(feed: TopicFeed): void {
    this.due.delete(feed)
  }

  async run(epochMs: () => number): Promise<void> {
    if (this.nowMs() - this.allAtMs >= IDLE_MS) {
      this.allAtMs = this.nowMs()
      for (const feed of this.feeds()) this.due.add(feed)
    }
    for (let turns = 0; this.due.size > 0 && turns < TURNS_MAX; turns++) {
      await nextTurn()
      this.turn(epochMs())
    }
  }

  /** One step for each feed until the time is up. A feed with more to do goes to the end of the queue. */
  private turn(epochMs: number): void {
    const untilMs = this.nowMs() + TURN_MS
    for (const feed of [...this.due]) {
      this.due.delete(feed)
      if (feed.maintain(epochMs)) this.due.add(feed)
      if (this.nowMs() >= untilMs) return
    }
  }
}
