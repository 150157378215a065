// Reads records for as long as a reader lives, and publishes what came. Promise: an error of one partition holds up no
// record of another by more than one pause.

import type { BrokerTroubles } from '../troubles/broker-troubles.ts'
import type { FollowedTopic } from './followed-topic.ts'
import type { Housekeeping } from './housekeeping.ts'
import type { Inquiries } from './inquiries.ts'
import type { Pause } from './pause.ts'
import type { TopicFeed } from './topic-feed.ts'
import type { TwoConsumers } from './two-consumers.ts'

export interface ReadLoopParts {
  readonly source: Pick<TwoConsumers, 'read'>
  readonly topics: ReadonlyMap<string, FollowedTopic>
  /** Feeds that have something to publish. */
  readonly changed: Set<TopicFeed>
  readonly troubles: BrokerTroubles
  readonly housekeeping: Housekeeping
  readonly inquiries: Inquiries
  readonly pause: Pause
  readonly retryMs: () => number
  /** A read has failed, so the next refresh is to come soon. */
  readonly onFailed: () => void
  readonly nowMs: () => number
  readonly epochMs: () => number
}

/** How often buses are checked that wait for partitions without an answering leader. */
const CATCH_UP_MS = 250

export class ReadLoop {
  private readonly parts: ReadLoopParts
  /** The last read failed. */
  private hasFailed = false
  /** When waiting buses were last checked. */
  private caughtUpAtMs = Number.NEGATIVE_INFINITY

  constructor(parts: ReadLoopParts) {
    this.parts = parts
  }

  /** Reads once. */
  async turn(): Promise<void> {
    const error = await this.read()
    this.show()
    this.showCatchUps()
    await this.parts.housekeeping.run(this.parts.epochMs)
    if (error === null) this.hasFailed = false
    else await this.handleError(error)
  }

  /**
   * At `onBatchEnd`: publishes what was read, before the event loop turns. The cost depends only on the number of feeds
   * that changed.
   */
  show(): void {
    const { changed, topics, troubles, housekeeping } = this.parts
    if (changed.size === 0) return
    const nowMs = this.parts.nowMs()
    for (const feed of changed) {
      if (topics.get(feed.name)?.show(feed, nowMs)) troubles.noteRead()
      housekeeping.noteFed(feed)
    }
    changed.clear()
  }

  /** The read's error; null if it had none. Records before an error were handed over. */
  private async read(): Promise<{ error: unknown } | null> {
    try {
      await this.parts.source.read()
      return null
    } catch (error) {
      return { error }
    }
  }

  private async handleError({ error }: { error: unknown }): Promise<void> {
    const { troubles, inquiries, pause, retryMs, onFailed } = this.parts
    onFailed()
    const follows = troubles.noteUnread(error)
    if (follows === 'refresh') return
    if (follows === 'inquire') inquiries.ask(error)
    if (follows === 'pause' || this.hasFailed) await pause.wait(retryMs())
    this.hasFailed = true
  }

  /** Runs beside the refresh, because its questions may take longer than a bus may wait. */
  private showCatchUps(): void {
    const nowMs = this.parts.nowMs()
    if (nowMs - this.caughtUpAtMs < CATCH_UP_MS) return
    this.caughtUpAtMs = nowMs
    for (const topic of this.parts.topics.values()) topic.showCatchUps(nowMs)
  }
}
