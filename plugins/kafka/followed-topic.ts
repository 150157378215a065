// One topic that a reader follows. Every look at it begins what is new of it, and finds out what has become of the rest:
// records deleted, leaders gone, the topic made anew. Streams stay open over all of it; a line and the readiness tell.

import type { BetweenReads } from './between-reads.ts'
import type { Answer } from './comparison.ts'
import { Condition, type Log } from './condition.ts'
import type { RecordSource } from './consumer.ts'
import type { TopicIdNews } from './log-line.ts'
import type { TopicFeed } from './topic-feed.ts'
import { wordsOf } from './troubles.ts'
import { watermarksOf } from './watermarks.ts'

export interface TopicParts {
  readonly feed: TopicFeed
  readonly source: RecordSource
  readonly betweenReads: BetweenReads
  readonly log: Log
  /** Only differences count. */
  readonly nowMs: () => number
  /** Kafka answered: it is there, whatever it said. */
  readonly onAnswered: () => void
  /** Something was begun that the next look must not wait long for. */
  readonly onChanged: () => void
}

/** Looks in a row in which a leader is missing, after which it is told: a move of a moment is not worth a word. */
const LEADERLESS_LOOKS_MIN = 3

export class FollowedTopic {
  readonly feed: TopicFeed
  private readonly parts: TopicParts
  private readonly existence: Condition
  private readonly leaders: Condition
  private leaderlessLooks = 0

  constructor(parts: TopicParts) {
    const { feed, log } = parts
    this.parts = parts
    this.feed = feed
    this.existence = new Condition(log, `topic ${feed.name} is there`)
    this.leaders = new Condition(log, `topic ${feed.name}: every partition has a leader that answers`)
  }

  /** What is wrong, in words; null if nothing is. */
  get trouble(): string | null {
    return this.existence.trouble ?? this.leaders.trouble ?? this.feed.progress()
  }

  /** True if nothing is missing, and the next look can wait. Rejects if Kafka does not answer. */
  async look(): Promise<boolean> {
    const { feed } = this
    const { generation } = feed
    const listed = await this.parts.source.partitions(feed.name)
    this.parts.onAnswered()
    if (feed.generation !== generation) return false
    if (listed.length === 0) {
      this.existence.set(`topic ${feed.name} does not exist, or may not be seen`)
      return false
    }
    this.existence.clear()
    feed.list(listed, this.parts.nowMs())
    const answer = await this.ask()
    if (answer !== null) await this.parts.betweenReads.do(() => this.take(answer, generation))
    this.showCatchUp()
    return feed.isSettled && this.leaderlessLooks === 0
  }

  /** The topic has this id as of now. If that is another one, nothing of it may be read before what was read is forgotten. */
  noteTopicId({ id }: TopicIdNews): void {
    const { generation } = this.feed
    if (!this.feed.noteTopicId(id)) return
    this.parts.betweenReads
      .do(() => this.recreate(generation))
      .catch((error: unknown) => {
        // The reader closes, or the next look tries again.
        this.parts.log.debug(`topic ${this.feed.name} was not given up: ${wordsOf(error)}`)
        this.parts.onChanged()
      })
  }

  /** Says once that all that Kafka held at the start is in. */
  showCatchUp(): void {
    const { feed, log, nowMs } = this.parts
    if (feed.catchUp(nowMs())) log.info(`topic ${feed.name} is read up to date`)
  }

  /** Where the logs start and end that have a leader, as far as it answers; null if they cannot be asked. */
  private async ask(): Promise<Answer | null> {
    const { feed } = this
    const asked = feed.askable()
    try {
      const told = await watermarksOf(this.parts.source, feed.name, [...asked.keys()])
      const silent = [...asked.keys()].filter((partition) => !told.has(partition))
      const without = [...feed.leaderless(), ...silent].sort((a, b) => a - b)
      this.noteLeaders(without.length === 0 ? null : `no leader for ${listOf(without)}`)
      return { asked, told }
    } catch (error) {
      this.noteLeaders(`a leader does not answer: ${wordsOf(error)}`)
      return null
    }
  }

  private noteLeaders(trouble: string | null): void {
    this.leaderlessLooks = trouble === null ? 0 : this.leaderlessLooks + 1
    if (trouble === null) this.leaders.clear()
    else if (this.leaderlessLooks >= LEADERLESS_LOOKS_MIN)
      this.leaders.set(`topic ${this.feed.name}: ${trouble}`)
  }

  private take(answer: Answer, generation: number): void {
    if (this.feed.generation !== generation) return
    const { isReplaced, passed, stalled } = this.feed.compare(answer)
    if (isReplaced) {
      this.recreate(generation)
      return
    }
    for (const { partition, from, to } of passed)
      this.warn(`records ${from} to ${to - 1} of partition ${partition} were deleted before they were read`)
    this.readAnew([...passed.map(({ partition }) => partition), ...stalled])
    this.begin(answer)
  }

  /** Nothing is noted as read before it is assigned: what could not be is begun at the next look. */
  private begin({ asked, told }: Answer): void {
    const { feed, source } = this.parts
    const unread = [...told].filter(([partition]) => asked.get(partition) === null)
    if (unread.length === 0) return
    const starts = new Map(unread.map(([partition, marks]) => [partition, feed.startOf(marks)]))
    source.assign(feed.name, starts)
    for (const [partition, marks] of unread)
      feed.begin(partition, starts.get(partition) ?? marks.start, marks)
  }

  /** Where it fails, the partitions have stopped, which the next look finds. */
  private readAnew(partitions: readonly number[]): void {
    const { feed, source } = this.parts
    if (partitions.length === 0) return
    try {
      source.unassign(feed.name, partitions)
      source.assign(feed.name, new Map(partitions.map((partition) => [partition, feed.next(partition)])))
    } catch (error) {
      for (const partition of partitions) feed.noteStop(partition, false)
      throw error
    }
  }

  private recreate(generation: number): void {
    const { feed, source, onChanged } = this.parts
    if (feed.generation !== generation) return
    this.warn(
      'it is another topic by the same name now, or its log was cut off: it is read from its beginning',
    )
    const read = feed.reading()
    if (read.length > 0) source.unassign(feed.name, read)
    feed.recreate()
    onChanged()
  }

  private warn(words: string): void {
    this.parts.log.warn(`topic ${this.feed.name}: ${words}`)
  }
}

/** "partition 3", "partitions 1, 2". More than ten are counted. */
function listOf(partitions: readonly number[]): string {
  const [first, ...others] = partitions
  if (others.length === 0) return `partition ${first}`
  return partitions.length > 10 ? `${partitions.length} partitions` : `partitions ${partitions.join(', ')}`
}
