// What one consumer reads, and for whom: a partition is read once, from where the hindmost of its receivers is. The entries say
// what is to be assigned; `settle` makes it so between two reads, and tries again until it is: nothing is lost by an error.

import type { KafkaRecord } from '../../../src/bus/record.ts'
import type { TopicPartition } from '../client/questions.ts'
import type { AssignedPartition, RecordSource } from '../client/record-source.ts'

/** Who gets what is read of a partition; it passes over what it has. */
export interface Receiver {
  append(record: KafkaRecord): void
  endOfPartition(partition: number, offset: number): void
  /** Reading has stopped. */
  noteStop(partition: number, isTruncated: boolean): void
  /** The offset that it wants next of a partition. */
  next(partition: number): number
}

interface Entry {
  readonly receivers: Set<Receiver>
  /** The offset that comes next. */
  next: number
  /** False: it is still to be assigned at `next`, and what comes before that is of an assignment that was given up. */
  isAssigned: boolean
  /** librdkafka reads it no further since it was assigned: those who came by then were told, who comes later would not be. */
  isStopped: boolean
}

/** Partitions that are assigned in one turn: librdkafka looks through all that are assigned for each one. */
const SETTLED_MAX = 100

export class Assignment {
  private readonly source: Pick<RecordSource, 'assign' | 'unassign'>
  private readonly entries = new Map<string, Map<number, Entry>>()
  /** What librdkafka has. */
  private readonly assigned = new Map<string, Set<number>>()
  /** Where that may not be what the entries say. */
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
   * The receiver gets the partition from `next` on. If others read it further on already, they see some of it again. Where
   * reading has stopped, it begins again for all of them.
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
    const hindmost = entry.isStopped ? hindmostOf(entry, partition, receiver, next) : next
    entry.receivers.add(receiver)
    if (entry.isStopped || next < entry.next) this.restart(topic, partition, entry, hindmost)
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
   * As `add`, of a partition that librdkafka reads no further, or at another place. It goes on where the hindmost receiver is, not
   * where it was assigned: Kafka may hold nothing there any more.
   */
  addAgain(topic: string, partition: number, next: number, receiver: Receiver): void {
    this.add(topic, partition, next, receiver)
    const entry = this.entries.get(topic)?.get(partition)
    if (entry === undefined) return
    this.restart(topic, partition, entry, hindmostOf(entry, partition, receiver, next))
  }

  tell(topic: string, record: KafkaRecord): void {
    const entry = this.assignedEntry(topic, record.partition)
    if (entry === undefined) return
    entry.next = record.offset + 1
    for (const receiver of entry.receivers) receiver.append(record)
  }

  tellEnd(topic: string, partition: number, offset: number): void {
    const entry = this.assignedEntry(topic, partition)
    if (entry === undefined) return
    entry.next = Math.max(entry.next, offset)
    for (const receiver of entry.receivers) receiver.endOfPartition(partition, offset)
  }

  tellStop(topic: string, partition: number, isTruncated: boolean): void {
    const entry = this.assignedEntry(topic, partition)
    if (entry === undefined) return
    entry.isStopped = true
    for (const receiver of entry.receivers) receiver.noteStop(partition, isTruncated)
  }

  /** One bounded step of making librdkafka read what the entries say: to be called while it reads nothing. Throws as it does. */
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

  /** librdkafka has it, and is not to, or is to have it elsewhere. */
  private isStale({ topic, partition }: TopicPartition): boolean {
    const isAssigned = this.assigned.get(topic)?.has(partition) === true
    return isAssigned && this.assignedEntry(topic, partition) === undefined
  }

  private toBeAssigned({ topic, partition }: TopicPartition): AssignedPartition[] {
    const entry = this.entries.get(topic)?.get(partition)
    return entry === undefined || entry.isAssigned ? [] : [{ topic, partition, offset: entry.next }]
  }
}

/** Where the hindmost of its receivers is, if this one is at `next`. */
function hindmostOf(entry: Entry, partition: number, receiver: Receiver, next: number): number {
  let hindmost = next
  for (const other of entry.receivers) {
    if (other !== receiver) hindmost = Math.min(hindmost, other.next(partition))
  }
  return hindmost
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
