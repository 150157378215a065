// The main thread's side of the topics that one worker has mirrors of: which they are, and what each mirror is still to
// be told. Promise: a worker is told of a topic's bus for as long as it uses the topic, and holds it open for as long.

import type { FedTopic, FedTopicLease, TopicRefusal, Topics } from '../bus/topic.ts'
import { ADDED_MAX, addedIn, BusReporter, type BusUpdate } from './bus-reporter.ts'
import type { TopicName, TopicUpdate } from './messages.ts'

export interface WorkerTopicsParts {
  /** The topics that are always open. Their numbers are their indices. */
  readonly fixed: readonly FedTopic[]
  readonly source: Pick<Topics, 'acquire'>
  readonly tell: (updates: TopicUpdate[]) => void
}

interface Mirrored {
  readonly topic: FedTopic
  readonly reporter: BusReporter
  /** null if the topic is always open. */
  readonly lease: FedTopicLease | null
  /** Ends the subscription to the bus's changes. */
  readonly stop: () => void
}

export class WorkerTopics {
  private readonly parts: WorkerTopicsParts
  private readonly mirrored = new Map<number, Mirrored>()
  /** Topics with changes that were not sent yet. */
  private readonly stale = new Set<number>()
  /** Whether the worker has taken the last updates, or got none. */
  private canTakeUpdates = true
  private hasEnded = false

  constructor(parts: WorkerTopicsParts) {
    this.parts = parts
    for (const [number, topic] of parts.fixed.entries()) this.add(number, topic, null)
  }

  get(number: number): FedTopic | undefined {
    return this.mirrored.get(number)?.topic
  }

  /** Opens a topic for the worker, which gives it a number that it has not used before. */
  async acquire(
    number: number,
    { name, encoding, keeps, selectors }: TopicName,
  ): Promise<'open' | TopicRefusal> {
    const lease = await this.parts.source.acquire(name, encoding, keeps, selectors)
    if (typeof lease === 'string') return lease
    if (this.hasEnded) lease.release()
    else this.add(number, lease.topic, lease)
    return 'open'
  }

  release(number: number): void {
    const mirrored = this.mirrored.get(number)
    this.mirrored.delete(number)
    this.stale.delete(number)
    mirrored?.stop()
    mirrored?.lease?.release()
  }

  updatesTaken(): void {
    this.canTakeUpdates = this.stale.size === 0
    if (!this.canTakeUpdates) this.tellStale()
  }

  /** The worker has ended: releases every topic. */
  end(): void {
    this.hasEnded = true
    for (const number of [...this.mirrored.keys()]) this.release(number)
  }

  private add(number: number, topic: FedTopic, lease: FedTopicLease | null): void {
    const stop = topic.bus.onChange(() => this.changed(number))
    this.mirrored.set(number, { topic, reporter: new BusReporter(topic.bus), lease, stop })
    this.changed(number)
  }

  private changed(number: number): void {
    this.stale.add(number)
    if (!this.canTakeUpdates) return
    this.canTakeUpdates = false
    this.tellStale()
  }

  private tellStale(): void {
    const updates: TopicUpdate[] = []
    let addedMax = ADDED_MAX
    for (const topic of [...this.stale]) {
      const update: BusUpdate | undefined = this.mirrored.get(topic)?.reporter.takeUpdate(addedMax)
      this.stale.delete(topic)
      if (update === undefined) continue
      updates.push({ topic, update })
      addedMax -= addedIn(update)
      if (!update.isWhole) this.stale.add(topic) // continued after the other topics
      if (addedMax === 0) break
    }
    this.parts.tell(updates)
  }
}
