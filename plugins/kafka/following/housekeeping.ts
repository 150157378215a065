// Runs the buses' housekeeping between two reads, in short turns with the streams' turns between them: after each read
// for the buses that got records, once a second for all. A turn takes some 2 ms however many buses there are.

import { nextTurn } from './time-slice.ts'
import type { TopicFeed } from './topic-feed.ts'

/** Turns between two reads, at most. */
const TURNS_MAX = 16
/** A turn begins no further step after this time. */
const TURN_MS = 2
/** Records and tombstones expire also where no record comes. */
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

  /** One step for each feed until the time is up. A feed with more to do goes to the end of the line. */
  private turn(epochMs: number): void {
    const untilMs = this.nowMs() + TURN_MS
    for (const feed of [...this.due]) {
      this.due.delete(feed)
      if (feed.maintain(epochMs)) this.due.add(feed)
      if (this.nowMs() >= untilMs) return
    }
  }
}
