// What a process knows from the control topic, and what it has to write. Plain state: records and ticks go in, news for
// the threads come out. Promise: a record of somebody else's making costs a few hashes, and changes a counter.

import type { KafkaRecord } from '../bus/record.ts'
import type { Clock } from '../stream/clock.ts'
import type { Renewal } from '../stream/holders.ts'
import { keptLongEnough, type Revocation, type TokenLifetimes } from '../token/revocation.ts'
import type { Revocations } from '../token/revocations.ts'
import type { ControlFigures } from './control-figures.ts'
import type { ControlKeys } from './control-keys.ts'
import {
  type ControlRecord,
  decodeRecord,
  MAC_HEADER,
  macIn,
  type PassedOver,
  passingOp,
} from './control-record.ts'
import { Heartbeats } from './heartbeats.ts'
import { Redemptions } from './redemptions.ts'
import { type CopyPlace, RevocationCopies } from './revocation-copies.ts'

/** The partition of all redemptions: the first one of a nonce wins, and only records of one partition have an order. */
export const REDEMPTIONS_PARTITION = 0

export interface ControlLogParts {
  readonly topic: string
  readonly keys: ControlKeys
  /** Names this process in what it writes: random. */
  readonly by: string
  /** How long heartbeats may be silent before nothing counts as known any more. */
  readonly blindMs: number
  /** Of the tokens that are accepted here. */
  readonly lifetimes: TokenLifetimes
  readonly clock: Clock
  /** The table that this thread decides by. */
  readonly revocations: Revocations
  readonly figures: ControlFigures
}

/** What came from other replicas since the last call. */
export interface ArrivedNews {
  readonly revocations: readonly Revocation[]
  readonly renewals: readonly Renewal[]
}

export class ControlLog {
  readonly heartbeats: Heartbeats
  readonly redemptions: Redemptions
  readonly copies: RevocationCopies
  private readonly parts: ControlLogParts
  private readonly ownName: Buffer
  private wasCompacted = false
  /** Records without a right mac since the last look. */
  private unsigned = 0
  /** Of one batch of records. */
  private arrivedRevocations: Revocation[] = []
  private arrivedRenewals: Renewal[] = []

  constructor(parts: ControlLogParts) {
    const { by, blindMs, clock } = parts
    this.parts = parts
    this.ownName = Buffer.from(JSON.stringify(by))
    this.heartbeats = new Heartbeats(blindMs, clock)
    this.redemptions = new Redemptions(clock)
    this.copies = new RevocationCopies(by)
  }

  /** Takes a record of the topic, of any writer. */
  append({ partition, offset, key, value, headers }: KafkaRecord): void {
    if (value !== null && this.isUnneeded(value)) return
    const { topic, keys, figures } = this.parts
    const header = headers.find(({ name }) => name === MAC_HEADER)?.value ?? null
    const mac = header === null ? null : macIn(header)
    const record = decodeRecord({ key, value, mac }, topic, keys)
    const passed = typeof record === 'string' ? record : this.take(record, { partition, offset })
    if (typeof record !== 'string') figures.read[record.op]++
    if (passed !== null) figures.passedOver[passed]++
    if (passed === 'mac' && this.heartbeats.hasRead) this.unsigned++
  }

  /**
   * Records since the last call that none of our secrets has signed. What stood in the topic before this process does
   * not count: a former secret may have signed that.
   */
  takeUnsigned(): number {
    const { unsigned } = this
    this.unsigned = 0
    return unsigned
  }

  /** The topic is another one: its copies of what is known here are gone. What is known still holds. */
  recreate(): void {
    this.heartbeats.clear()
    this.redemptions.clear()
    this.copies.clear()
  }

  /** Compaction may have taken any copy away. Once it is over, all are written again. */
  noteCompacted(isCompacted: boolean): void {
    if (this.wasCompacted && !isCompacted) this.copies.clear()
    this.wasCompacted = isCompacted
  }

  /** Whether the topic is there: Kafka has listed a partition of it. */
  get hasPartitions(): boolean {
    return this.heartbeats.partitions.length > 0
  }

  /** What came since the last call; null if nothing did. */
  takeNews(): ArrivedNews | null {
    if (this.arrivedRevocations.length === 0 && this.arrivedRenewals.length === 0) return null
    const news = { revocations: this.arrivedRevocations, renewals: this.arrivedRenewals }
    this.arrivedRevocations = []
    this.arrivedRenewals = []
    return news
  }

  /** Why no stream may open now, for an operator; null if one may. */
  trouble(): string | null {
    const { topic } = this.parts
    return this.heartbeats.hasRead ? this.silence() : `control topic ${topic} is not read to its end yet`
  }

  /** The same of a process that has read everything once. */
  silence(): string | null {
    const { topic, blindMs } = this.parts
    if (this.heartbeats.blindInMs > 0) return null
    return `control topic ${topic}: no heartbeat of this process has come back for ${blindMs / 1000} s`
  }

  /**
   * Heartbeats of others, and renewals, mean nothing before everything is read: no stream is open yet. While the topic
   * is read at the start, these two are most of it. Later a heartbeat's mac tells that a replica has another secret.
   */
  private isUnneeded(value: Uint8Array): boolean {
    const op = passingOp(value)
    if (op === null || this.heartbeats.hasRead) return false
    return op === 'renew' || !Buffer.from(value.buffer, value.byteOffset, value.length).includes(this.ownName)
  }

  private take(record: ControlRecord, { partition, offset }: CopyPlace): PassedOver | null {
    const epochMs = this.parts.clock.epochMs()
    const isOwn = record.by === this.parts.by
    switch (record.op) {
      case 'alive':
        if (isOwn) this.heartbeats.noteHeard(partition, record.atMs)
        return null
      case 'renew':
        return isOwn ? null : this.takeRenewal(record.renewal, epochMs)
      case 'revoke': {
        const revocation = keptLongEnough(record.revocation, this.parts.lifetimes)
        if (revocation.untilMs <= epochMs) return 'expired'
        this.copies.note(revocation, Math.min(record.atMs, epochMs), { partition, offset })
        if (!isOwn) this.takeRevocation(revocation)
        return null
      }
      case 'redeem':
        if (partition !== REDEMPTIONS_PARTITION) return 'malformed'
        return this.redemptions.note(record.nonce, record, record.expiresAtMs) ? null : 'expired'
    }
  }

  private takeRenewal(renewal: Renewal, epochMs: number): PassedOver | null {
    if (renewal.session.expiresAtMs <= epochMs) return 'expired'
    if (this.parts.revocations.refuses(renewal.session)) return 'revoked'
    this.arrivedRenewals.push(renewal)
    return null
  }

  private takeRevocation(revocation: Revocation): void {
    this.parts.revocations.add(revocation)
    this.arrivedRevocations.push(revocation)
  }
}
