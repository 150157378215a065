// The newest copy of each revocation in the control topic, so that it is written again before Kafka drops it. Promise:
// bounded; of several replicas mostly one writes, because each waits for a time of its own and sees the other's copy.

import { createHash } from 'node:crypto'
import { type Revocation, revokedName } from '../token/revocation.ts'
import { REVOCATIONS_MAX } from '../token/revocations.ts'

/** Age of the newest copy from which on it is written again. */
export const COPY_AGE_MS = 12 * 3_600_000
/** Over this time replicas are spread, each by a time of its own. */
const SPREAD_MS = 3_600_000
/** Copies that one step looks at, and that it returns. */
const LOOKED_AT_MAX = 1_000
/** How long a copy that is being written has before it is written again. */
const WRITING_MS = 10_000

export interface CopyPlace {
  readonly partition: number
  readonly offset: number
}

/** Where a copy is that was not read yet, or is in a topic that is gone. */
const NOWHERE: CopyPlace = { partition: -1, offset: 0 }

interface Copy {
  revocation: Revocation
  /** Of the newest copy, by its writer's wall clock. */
  atMs: number
  /** Where the newest copy is. */
  place: CopyPlace
  /** Epoch ms of the last attempt to write it. */
  triedAtMs: number
}

export class RevocationCopies {
  private readonly copies = new Map<string, Copy>()
  private readonly copiesMax: number
  /** Of this process: spreads the replicas. */
  private readonly by: string
  private round: IterableIterator<[string, Copy]> | null = null
  /** By partition: the first offset that Kafka still has. */
  private readonly starts = new Map<number, number>()

  constructor(by: string, copiesMax = REVOCATIONS_MAX) {
    this.by = by
    this.copiesMax = copiesMax
  }

  get size(): number {
    return this.copies.size
  }

  /** A copy was read. */
  note(revocation: Revocation, atMs: number, place: CopyPlace): void {
    const known = this.keep(revocation)
    if (known === null || atMs <= known.atMs || isEarlier(revocation, known.revocation)) return
    known.atMs = atMs
    known.place = place
  }

  /** Kafka has deleted a partition's records below `start`: copies there are written again. */
  noteStart(partition: number, start: number): void {
    this.starts.set(partition, start)
  }

  /** There is no copy yet: one is being written. */
  noteUnwritten(revocation: Revocation, epochMs: number): void {
    const known = this.keep(revocation)
    if (known !== null) known.triedAtMs = epochMs
  }

  /** None of the copies is there any more: the topic is another one. */
  clear(): void {
    this.starts.clear()
    for (const copy of this.copies.values()) {
      copy.atMs = 0
      copy.place = NOWHERE
    }
  }

  /** Looks at some, and returns those that are to be written again now. Forgets those that are over. */
  step(epochMs: number): Revocation[] {
    this.round ??= this.copies.entries()
    const due: Revocation[] = []
    for (let looked = 0; looked < LOOKED_AT_MAX; looked++) {
      const { done, value } = this.round.next()
      if (done) {
        this.round = null
        break
      }
      const [key, copy] = value
      // The wall clock may have been ahead, and was set back.
      copy.atMs = Math.min(copy.atMs, epochMs)
      copy.triedAtMs = Math.min(copy.triedAtMs, epochMs)
      if (copy.revocation.untilMs <= epochMs) this.copies.delete(key)
      else if (this.isDue(key, copy, epochMs)) {
        copy.triedAtMs = epochMs
        due.push(copy.revocation)
      }
    }
    return due
  }

  private isDue(key: string, { atMs, triedAtMs, place }: Copy, epochMs: number): boolean {
    if (epochMs - triedAtMs < WRITING_MS) return false
    if (place.offset < (this.starts.get(place.partition) ?? 0)) return true
    const ageMs = epochMs - atMs
    return ageMs >= COPY_AGE_MS && ageMs >= COPY_AGE_MS + SPREAD_MS * this.share(key)
  }

  /** From 0 to 1: the same for each look at this copy here, and another one at another replica. */
  private share(key: string): number {
    return createHash('sha256').update(`${this.by} ${key}`).digest().readUInt32BE() / 2 ** 32
  }

  /** The copy of this name; null if there is no room, which the table of revocations has told. */
  private keep(revocation: Revocation): Copy | null {
    const key = JSON.stringify([revocation.issuer, ...revokedName(revocation)])
    const known = this.copies.get(key)
    if (known !== undefined && !isEarlier(known.revocation, revocation)) return lasting(known, revocation)
    if (known === undefined && this.copies.size >= this.copiesMax) return null
    const untilMs = Math.max(revocation.untilMs, known?.revocation.untilMs ?? 0)
    const made = { revocation: { ...revocation, untilMs }, atMs: 0, triedAtMs: 0, place: NOWHERE }
    this.copies.set(key, made)
    return made
  }
}

/** Replicas may let tokens live for different times: what is written again lasts as long as the longest. */
function lasting(known: Copy, { untilMs }: Revocation): Copy {
  if (untilMs > known.revocation.untilMs) known.revocation = { ...known.revocation, untilMs }
  return known
}

/** Whether the one revokes less than the other, which has the same name. */
function isEarlier(one: Revocation, other: Revocation): boolean {
  return one.beforeMs < other.beforeMs
}
