// Records of the control topic in memory: a clock that the test moves, keys, and what replicas write.

import type { KafkaRecord } from '../../../src/bus/record.ts'
import { createControlFigures } from '../../../src/control/control-figures.ts'
import { ControlKeys } from '../../../src/control/control-keys.ts'
import { ControlLog } from '../../../src/control/control-log.ts'
import { type ControlRecord, encodeRecord, type RecordBytes } from '../../../src/control/control-record.ts'
import type { Renewal } from '../../../src/stream/holders.ts'
import type { Revocation, TokenLifetimes } from '../../../src/token/revocation.ts'
import { Revocations } from '../../../src/token/revocations.ts'
import { sessionFor } from '../../support/streams-scene.ts'

export const TOPIC = 'control'
export const SECRET = Buffer.alloc(32, 1)
export const OTHER_SECRET = Buffer.alloc(32, 2)
export const KEYS = new ControlKeys([SECRET])
export const START_MS = Date.UTC(2030, 0, 1)
export const BLIND_MS = 30_000

/** Both clocks of a test. */
export class MovedClock {
  private passedMs = 0
  private steppedMs = 0

  nowMs = (): number => this.passedMs
  epochMs = (): number => START_MS + this.passedMs + this.steppedMs

  pass(ms: number): void {
    this.passedMs += ms
  }

  /** Sets the wall clock alone. */
  step(ms: number): void {
    this.steppedMs += ms
  }
}

export function revocationOf(changes: Partial<Revocation> = {}): Revocation {
  return {
    issuer: 'https://auth.example.com',
    on: { sub: 'alice' },
    beforeMs: START_MS,
    untilMs: START_MS + 86_400_000,
    jti: null,
    reason: null,
    ...changes,
  }
}

export function renewalOf(changes: Partial<Renewal> = {}): Renewal {
  const session = sessionFor(0, {
    expiresAtMs: START_MS + 60_000,
    issuedAtMs: START_MS - 1_000,
    tokenDigest: '',
  })
  return { route: '/events', params: '[]', granted: '', previousDigest: null, session, ...changes }
}

/** A control log, and another replica that writes to its topic. */
export class ControlScene {
  readonly clock = new MovedClock()
  readonly revocations: Revocations
  readonly figures = createControlFigures()
  readonly log: ControlLog
  private readonly keys: ControlKeys
  private offset = 0

  constructor(keys = KEYS, revocationsMax = 1_000, lifetimes: TokenLifetimes = new Map()) {
    this.keys = keys
    this.revocations = new Revocations(this.clock, revocationsMax)
    const { clock, revocations, figures } = this
    this.log = new ControlLog({
      topic: TOPIC,
      keys,
      by: 'me',
      blindMs: BLIND_MS,
      lifetimes,
      clock,
      revocations,
      figures,
    })
  }

  /** Reads one partition up to the log's own first heartbeat. */
  static read(keys = KEYS, revocationsMax = 1_000): ControlScene {
    const scene = new ControlScene(keys, revocationsMax)
    scene.log.heartbeats.add(0)
    scene.log.heartbeats.complete()
    scene.beat()
    return scene
  }

  /** The log's own heartbeat goes to a partition and comes back. */
  beat(...partitions: number[]): void {
    const atMs = this.log.heartbeats.beat()
    if (atMs === null) return
    for (const partition of partitions.length === 0 ? [0] : partitions)
      this.append(encodeRecord({ op: 'alive', by: 'me', atMs }, TOPIC, this.keys), partition)
  }

  /** A record that another replica writes; returns its offset. */
  hear(record: ControlRecord, { partition = 0, keys = this.keys } = {}): number {
    return this.append(encodeRecord(record, TOPIC, keys), partition)
  }

  revoke(revocation: Revocation, written: { by?: string; atMs?: number } = {}): void {
    this.hear({ op: 'revoke', revocation, by: 'other', atMs: this.clock.epochMs(), ...written })
  }

  renew(renewal: Renewal, by = 'other'): void {
    this.hear({ op: 'renew', renewal, by, atMs: this.clock.epochMs() })
  }

  append({ key, value, mac }: RecordBytes, partition = 0): number {
    const headers = mac === null ? [] : [{ name: 'mac', value: mac }]
    const offset = this.offset++
    const record: KafkaRecord = { partition, offset, timestampMs: this.clock.epochMs(), key, value, headers }
    this.log.append(record)
    return offset
  }
}
