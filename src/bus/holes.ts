// Judges missing offsets. Each may have been a tombstone that Kafka has dropped, unless it is proven to be younger than
// the topic's `delete.retention.ms` (KIP-534). Proofs are log ends that Kafka reported, and timestamps.

import type { RecordClock } from './record-clock.ts'

/**
 * A moment by both clocks: the monotonic clock may stop while a machine is suspended, and the wall clock may be set.
 */
export interface Moment {
  readonly nowMs: number
  readonly epochMs: number
}

/** Unread tombstones of a partition below offset `to` may be lost, while the bus keeps the frames that they deleted. */
export interface Missed {
  readonly partition: number
  readonly to: number
}

/** Missing offsets, and when reading passed them. */
export interface Hole {
  /** Offset: what is missing is below it. */
  readonly to: number
  /** A sequence of the bus: frames behind the missing offsets have greater ones. */
  readonly sequence: number
}

/**
 * Proof that records from `offset` on are young: at moment `at` they were not committed,
 * so Kafka could not clean them.
 */
interface Proof {
  readonly offset: number
  readonly at: Moment
  /** The proof is good for at least this time in ms, even if Kafka keeps tombstones for less. */
  readonly msMin: number
  /** Whether the proof was made when reading began, and reading has not reached `offset` yet. */
  readonly isLoading: boolean
}

interface ReadPartition {
  /**
   * When reading began. Values that were read since still existed then, so no tombstone that deletes them had been
   * cleaned.
   */
  readonly begunAt: Moment
  /** Whether some of the partition was read since. */
  hasRead: boolean
  /** Proof for all that is read from now on. null while that may be records from before reading began. */
  proof: Proof | null
  /** Proof that becomes good when reading reaches its offset. */
  coming: Proof | null
  /** The two latest timestamps of its records, in epoch ms. One record alone proves nothing. */
  latestMs: number
  secondMs: number
  /** The last missing offsets that only timestamps prove to be young. null: none. */
  trusted: Hole | null
}

/**
 * Least time for which a proof is good. Log ends are reported only every 5 s, so a shorter time could not be proven.
 */
const PROVEN_MS_MIN = 30_000
/**
 * Least time allowed for reading what was there when reading began. Otherwise a slow topic would be read again and
 * again.
 */
const LOADING_MS_MIN = 600_000

export class Holes {
  /** Set once the bus may have missed tombstones of frames that it keeps. Then nothing more is judged until `clear`. */
  missed: Missed | null = null
  private readonly deleteRetentionMs: number
  private readonly clock: RecordClock
  private readonly takeSequence: () => number
  private readonly partitions = new Map<number, ReadPartition>()

  /** `takeSequence`: takes one of the bus, as of which missing offsets are passed. */
  constructor(deleteRetentionMs: number, clock: RecordClock, takeSequence: () => number) {
    this.deleteRetentionMs = deleteRetentionMs
    this.clock = clock
    this.takeSequence = takeSequence
  }

  /** Notes that reading of a partition begins, or goes on after everything that was read of it was removed. */
  begin(partition: number): void {
    this.partitions.set(partition, {
      begunAt: this.now(),
      hasRead: false,
      proof: null,
      coming: null,
      latestMs: Number.NEGATIVE_INFINITY,
      secondMs: Number.NEGATIVE_INFINITY,
      trusted: null,
    })
  }

  /**
   * Notes the log end of a partition that is read up to offset `next`. `at` is a moment
   * before Kafka was asked for it.
   */
  noteEnd(partition: number, end: number, next: number, at: Moment): void {
    const read = this.partitions.get(partition)
    if (read === undefined) return
    proveReached(read, next)
    const isLoading = end > next && read.proof === null && read.coming === null
    const proof = { offset: end, at, msMin: isLoading ? LOADING_MS_MIN : PROVEN_MS_MIN, isLoading }
    if (end <= next) prove(read, proof)
    else read.coming ??= proof
  }

  /**
   * Notes that a partition goes on at `found` after everything below `next` was read, and judges the offsets in
   * between. `timestampMs`: of the record at `found`; null if there is none. Returns the missing offsets, of now or of
   * before, that may have been tombstones which delete nothing in this bus. null: none. If they may delete what the bus
   * keeps, sets `missed` instead.
   */
  pass(partition: number, next: number, found: number, timestampMs: number | null): Hole | null {
    const read = this.partitions.get(partition)
    if (read === undefined || this.missed !== null) return null
    proveReached(read, next)
    const isDoubtful = found > Math.max(0, next) && this.isDoubtful(read, found)
    const refuted = timestampMs === null ? null : this.noteTimestamp(read, timestampMs)
    const lost = isDoubtful ? this.holeTo(found) : refuted
    const isOwn = lost !== null && this.keepsOlder(read)
    read.hasRead = true
    this.noteLoaded(read, timestampMs === null ? found : found + 1)
    if (isOwn) this.missed = { partition, to: lost.to }
    return isOwn ? null : lost
  }

  /**
   * Whether offsets that are missing now may have been values that Kafka has compacted away. Unlike tombstones, these
   * may go at once. So only what Kafka told within PROVEN_MS_MIN proves that they were never there.
   */
  mayHideValues(partition: number): boolean {
    const proof = this.partitions.get(partition)?.proof
    return proof === undefined || proof === null || this.ageMs(proof.at) >= PROVEN_MS_MIN
  }

  clear(): void {
    this.partitions.clear()
    this.missed = null
  }

  /** Whether a missing tombstone may have deleted what was read before. */
  private keepsOlder({ proof, begunAt, hasRead }: ReadPartition): boolean {
    return proof !== null || (hasRead && !this.isYoung(begunAt, LOADING_MS_MIN))
  }

  /**
   * Notes that all records from before reading began are read. Extends the proof by the time that this took, so that it
   * lasts as long as a proof that is made now.
   */
  private noteLoaded(read: ReadPartition, next: number): void {
    const { coming } = read
    if (coming === null || !coming.isLoading || coming.offset > next) return
    const msMin = Math.min(LOADING_MS_MIN, this.ageMs(coming.at) + PROVEN_MS_MIN)
    read.coming = { ...coming, msMin, isLoading: false }
  }

  /** Whether Kafka still has every tombstone that it had not cleaned at `since`. */
  private isYoung(since: Moment, msMin: number): boolean {
    return this.ageMs(since) < Math.max(this.deleteRetentionMs, msMin)
  }

  /** Time since a moment in ms, by the clock that shows the longer time. */
  private ageMs(since: Moment): number {
    const { nowMs, epochMs } = this.now()
    return Math.max(nowMs - since.nowMs, epochMs - since.epochMs)
  }

  private now(): Moment {
    return { nowMs: this.clock.nowMs(), epochMs: this.clock.epochMs() }
  }

  private isDoubtful(read: ReadPartition, found: number): boolean {
    if (read.proof !== null && this.isYoung(read.proof.at, read.proof.msMin)) return false
    // The clock may have been set back since. A timestamp that is now ahead of it proves nothing.
    const ageMs = this.clock.epochMs() - read.secondMs
    if (ageMs < 0 || ageMs >= this.deleteRetentionMs) return true
    read.trusted = this.holeTo(found)
    return false
  }

  private holeTo(to: number): Hole {
    return { to, sequence: this.takeSequence() }
  }

  /**
   * Notes a record's timestamp. A timestamp ahead of the clock proves nothing. An old one refutes what earlier
   * timestamps said: that the missing offsets before it are young. Then returns those offsets, otherwise null.
   */
  private noteTimestamp(read: ReadPartition, timestampMs: number): Hole | null {
    const epochMs = this.clock.epochMs()
    if (timestampMs < 0 || timestampMs > epochMs) return null
    if (timestampMs > read.secondMs) {
      read.secondMs = Math.min(read.latestMs, timestampMs)
      read.latestMs = Math.max(read.latestMs, timestampMs)
    }
    const { trusted } = read
    if (trusted === null || timestampMs + this.deleteRetentionMs > epochMs) return null
    read.trusted = null
    return trusted
  }
}

function proveReached(read: ReadPartition, next: number): void {
  if (read.coming !== null && read.coming.offset <= next) prove(read, read.coming)
}

/**
 * Makes a proof the current one. Missing offsets before it have been judged, so later timestamps do not refute them.
 */
function prove(read: ReadPartition, proof: Proof): void {
  read.proof = proof
  read.coming = null
  read.trusted = null
}
