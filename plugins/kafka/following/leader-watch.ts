// Which partitions of a topic have a leader that answers, and for how long the others have been silent. Logs a lasting
// silence once, and its end.

import type { ListedPartition } from '../client/questions.ts'
import { Condition, type Log, partitionList } from '../troubles/condition.ts'
import { isLost } from './followed-partition.ts'
import type { LedPartition } from './refused-partitions.ts'

/** Refreshes in a row without a leader before a line is logged. A leader that only moves is back by then. */
const SILENT_REFRESHES_MIN = 3

export class LeaderWatch {
  readonly condition: Condition
  private readonly topic: string
  /** Partitions whose leaders answered in this refresh. */
  private readonly answered = new Set<number>()
  private leaderOf = new Map<number, number | null>()
  /**
   * When the silence of each silent partition's leader began. Kept here, so that a bus that is added later does not
   * wait again.
   */
  private silentSinceMs = new Map<number, number>()
  private silentRefreshes = 0

  constructor(topic: string, log: Log) {
    this.topic = topic
    this.condition = new Condition(log, `topic ${topic}: every partition has a leader that answers`)
  }

  /** Begins a refresh with the partitions that Kafka lists. */
  list(listed: readonly ListedPartition[]): void {
    this.answered.clear()
    this.leaderOf = new Map(listed.map(({ partition, leader }) => [partition, leader]))
  }

  /** Whether the last refresh found partitions. */
  get isListed(): boolean {
    return this.leaderOf.size > 0
  }

  /** Partitions that have a leader to ask. */
  askable(): LedPartition[] {
    const { topic } = this
    return [...this.leaderOf].flatMap(([partition, leader]) =>
      leader === null ? [] : [{ topic, partition, leader }],
    )
  }

  noteAnswered(partitions: Iterable<number>): void {
    for (const partition of partitions) this.answered.add(partition)
  }

  /** Ends a refresh that asked the leaders at `askedAtMs`. Returns when the silence of each silent partition began. */
  endRefresh(askedAtMs: number): ReadonlyMap<number, number> {
    const before = this.silentSinceMs
    this.silentSinceMs = new Map()
    for (const partition of this.leaderOf.keys()) {
      if (!this.answered.has(partition)) this.silentSinceMs.set(partition, before.get(partition) ?? askedAtMs)
    }
    this.silentRefreshes = this.silentSinceMs.size === 0 ? 0 : this.silentRefreshes + 1
    this.log()
    return this.silentSinceMs
  }

  /** True if every leader answered in the last refresh. */
  get isSettled(): boolean {
    return this.silentRefreshes === 0
  }

  /**
   * Whether the partition's leader has been silent for so long that streams no longer wait for it. Refreshes still ask
   * it.
   */
  isLost(partition: number, nowMs: number): boolean {
    return isLost(this.silentSinceMs.get(partition) ?? null, nowMs)
  }

  /** The topic was recreated, so the silence of its partitions is measured from now on. */
  forget(): void {
    this.silentSinceMs.clear()
  }

  private log(): void {
    if (this.isSettled) this.condition.clear()
    if (this.silentRefreshes < SILENT_REFRESHES_MIN) return
    const silent = [...this.silentSinceMs.keys()]
    const isLed = (partition: number) => (this.leaderOf.get(partition) ?? null) !== null
    const leaderless = silent.filter((partition) => !isLed(partition))
    this.condition.set(`topic ${this.topic}: ${wordsOfSilent(leaderless, silent.filter(isLed))}`)
  }
}

function wordsOfSilent(leaderless: readonly number[], silent: readonly number[]): string {
  const words = []
  if (leaderless.length > 0) words.push(`no leader for ${partitionList(leaderless)}`)
  if (silent.length > 0) words.push(`no answer from the leader of ${partitionList(silent)}`)
  return words.join(', ')
}
