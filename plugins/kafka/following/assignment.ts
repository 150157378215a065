// What one consumer reads, and for which receivers. Each partition is read once, from the lowest offset that a receiver
// wants. The entries say what should be assigned. `settle` makes librdkafka match them between two reads, and retries
// after an error.

import type { KafkaRecord } from '../../../src/bus/record.ts'
import type { TopicPartition } from '../client/questions.ts'
import type { AssignedPartition, RecordSource } from '../client/record-source.ts'

/** Gets the records that are read of a partition, and ignores those that it already has. */
export interface Receiver {
  append(record: KafkaRecord): void
  endOfPartition(partition: number, offset: number): void
  noteStop(partition: number, isTruncated: boolean): void
  /** The offset that the receiver wants next. */
  next(partition: number): number
}

interface Entry {
  readonly receivers: Set<Receiver>
  /** The offset that is read next. */
  next: number
  /** False until `settle` assigns it at `next`. Records that come before belong to an old assignment. */
  isAssigned: boolean
  /**
   * librdkafka has stopped reading the partition since it was assigned. Receivers that were added later do not know it.
   */
  isStopped: boolean
}

/** Most partitions that one turn assigns: for each of them, librdkafka walks through all assigned partitions. */
const SETTLED_MAX = 100

export class Assignment {
  private readonly source: Pick<RecordSource, 'assign' | 'unassign'>
  private readonly entries = new Map<string, Map<number, Entry>>()
  /** What librdkafka has assigned. */
  private readonly assigned = new Map<string, Set<number>>()
  /** Partitions whose entry may differ from `assigned`. */
  private readonly changed = new Map<string, Set<number>>()

  constructor(source: Pick<RecordSource, 'assign' | 'unassign'>) {
    this.source = source
  }

  get isEmpty(): boolean {
    return this.entries.size === 0
  }

  get isSettled(): boolean {
    return this.changed.size === 0
  }

  /**
   * The receiver gets the partition from `next` on. Receivers that are further on see some records again. If reading
   * has stopped, it begins again for all receivers.
   */
  add(topic: string, partition: number, next: number, receiver: Receiver): void {
    const partitions = this.entries.get(topic) ?? new Map<number, Entry>()
    this.entries.set(topic, partitions)
    const entry = partitions.get(partition)
    if (entry === undefined) {
      partitions.set(partition, { receivers: new Set([receiver]), next, isAssigned: false, isStopped: false })
      this.change(topic, partition)
      return
    }
    const lowest = entry.isStopped ? lowestNext(entry, partition, receiver, next) : next
    entry.receivers.add(receiver)
    if (entry.isStopped || next < entry.next) this.restart(topic, partition, entry, lowest)
  }

  remove(topic: string, partition: number, receiver: Receiver): void {
    const partitions = this.entries.get(topic)
    const entry = partitions?.get(partition)
    if (partitions === undefined || entry === undefined || !entry.receivers.delete(receiver)) return
    if (entry.receivers.size > 0) return
    partitions.delete(partition)
    if (partitions.size === 0) this.entries.delete(topic)
    this.change(topic, partition)
  }

  /**
   * As `add`, for a partition that librdkafka no longer reads, or reads at another place. Reading goes on at the lowest
   * offset that a receiver wants. It does not go on at the assigned offset, which Kafka may have deleted.
   */
  addAgain(topic: string, partition: number, next: number, receiver: Receiver): void {
    this.add(topic, partition, next, receiver)
    const entry = this.entries.get(topic)?.get(partition)
    if (entry === undefined) return
    this.restart(topic, partition, entry, lowestNext(entry, partition, receiver, next))
  }

  deliver(topic: string, record: KafkaRecord): void {
    const entry = this.assignedEntry(topic, record.partition)
    if (entry === undefined) return
    entry.next = record.offset + 1
    for (const receiver of entry.receivers) receiver.append(record)
  }

  deliverEnd(topic: string, partition: number, offset: number): void {
    const entry = this.assignedEntry(topic, partition)
    if (entry === undefined) return
    entry.next = Math.max(entry.next, offset)
    for (const receiver of entry.receivers) receiver.endOfPartition(partition, offset)
  }

  deliverStop(topic: string, partition: number, isTruncated: boolean): void {
    const entry = this.assignedEntry(topic, partition)
    if (entry === undefined) return
    entry.isStopped = true
    for (const receiver of entry.receivers) receiver.noteStop(partition, isTruncated)
  }

  /**
   * One bounded step: makes librdkafka's assignment match some of the entries. Call it while no read is under way.
   * Throws librdkafka's errors.
   */
  settle(): void {
    if (this.isSettled) return
    const changed = this.someChanged()
    const removed = changed.filter((each) => this.isStale(each))
    if (removed.length > 0) this.source.unassign(removed)
    for (const { topic, partition } of removed) remove(this.assigned, topic, partition)
    const added = changed.flatMap((each) => this.toBeAssigned(each))
    if (added.length > 0) this.source.assign(added)
    for (const { topic, partition } of added) {
      add(this.assigned, topic, partition)
      const entry = this.entries.get(topic)?.get(partition)
      if (entry !== undefined) entry.isAssigned = true
    }
    for (const { topic, partition } of changed) remove(this.changed, topic, partition)
  }

  private restart(topic: string, partition: number, entry: Entry, next: number): void {
    entry.next = next
    entry.isAssigned = false
    entry.isStopped = false
    this.change(topic, partition)
  }

  private change(topic: string, partition: number): void {
    add(this.changed, topic, partition)
  }

  private assignedEntry(topic: string, partition: number): Entry | undefined {
    const entry = this.entries.get(topic)?.get(partition)
    return entry?.isAssigned ? entry : undefined
  }

  private someChanged(): TopicPartition[] {
    const some: TopicPartition[] = []
    for (const [topic, partitions] of this.changed) {
      for (const partition of partitions) {
        if (some.length === SETTLED_MAX) return some
        some.push({ topic, partition })
      }
    }
    return some
  }

  /** Whether librdkafka must give the partition up: it should not be assigned, or should be at another offset. */
  private isStale({ topic, partition }: TopicPartition): boolean {
    const isAssigned = this.assigned.get(topic)?.has(partition) === true
    return isAssigned && this.assignedEntry(topic, partition) === undefined
  }

  private toBeAssigned({ topic, partition }: TopicPartition): AssignedPartition[] {
    const entry = this.entries.get(topic)?.get(partition)
    return entry === undefined || entry.isAssigned ? [] : [{ topic, partition, offset: entry.next }]
  }
}

/** The lowest offset that any receiver wants, if `receiver` wants `next`. */
function lowestNext(entry: Entry, partition: number, receiver: Receiver, next: number): number {
  let lowest = next
  for (const other of entry.receivers) {
    if (other !== receiver) lowest = Math.min(lowest, other.next(partition))
  }
  return lowest
}

function add(known: Map<string, Set<number>>, topic: string, partition: number): void {
  const partitions = known.get(topic)
  if (partitions === undefined) known.set(topic, new Set([partition]))
  else partitions.add(partition)
}

function remove(known: Map<string, Set<number>>, topic: string, partition: number): void {
  const partitions = known.get(topic)
  partitions?.delete(partition)
  if (partitions?.size === 0) known.delete(topic)
}
