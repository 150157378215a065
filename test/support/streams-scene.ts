// The streams of one topic in memory: a real bus and sinks that the test reads. Time is vitest’s.

import { FROM_EARLIEST, type RequestedBeginning } from '../../src/beginning/requested-beginning.ts'
import type { IdSpelling } from '../../src/sealing/id-spelling.ts'
import type { RouteCondition } from '../../src/selection/selection.ts'
import type { Admitted } from '../../src/stream/admission.ts'
import type { Renewal, RenewalCount } from '../../src/stream/holders.ts'
import type { Lent, Sink } from '../../src/stream/sink.ts'
import { Streams, type StreamsSettings } from '../../src/stream/streams.ts'
import type { Session } from '../../src/token/session.ts'
import { TopicInMemory } from './topic-in-memory.ts'

/** The defaults of a server, with room for this many streams. */
export function streamsSettings(streamsMax: number): StreamsSettings {
  return {
    challengeMs: 10_000,
    heartbeatMs: 9_000,
    stalledMs: 30_000,
    ageMaxMs: null,
    turnMs: 0.3,
    renewBy: 'session',
    lifetimes: new Map([['https://auth.example.com', 3_600_000]]),
    streamsMax,
    streamsPerSubjectMax: streamsMax,
    streamsPerAddressMax: streamsMax,
  }
}

export function sessionFor(seconds: number, changes: Partial<Session> = {}): Session {
  return {
    issuer: 'https://auth.example.com',
    subject: 'example',
    scopes: new Set(['proxy:stream']),
    expiresAtMs: Date.now() + seconds * 1000,
    issuedAtMs: null,
    sessionId: null,
    client: null,
    tokenId: null,
    tokenDigest: 'digest',
    claims: {},
    ...changes,
  }
}

/** Real streams of one topic, into sinks in memory. Time is vitest's. */
export class StreamsScene {
  readonly topic: TopicInMemory
  readonly streams: Streams

  constructor(topic = new TopicInMemory(), changes: Partial<StreamsSettings> = {}) {
    this.topic = topic
    this.streams = new Streams({ ...streamsSettings(100), streamsPerSubjectMax: 10, ...changes })
  }

  open({
    session = sessionFor(3600),
    sink = new MemorySink(),
    requested = {},
    route = '/events',
    params = '[]',
    signals = false,
    conditions = [],
    granted = '',
    scope = null,
    ids,
    admitted = { release: () => {} },
  }: {
    session?: Session
    sink?: MemorySink
    requested?: Partial<RequestedBeginning>
    route?: string
    params?: string
    signals?: boolean
    conditions?: readonly RouteCondition[]
    granted?: string
    scope?: string | null
    ids?: IdSpelling
    admitted?: Admitted
  } = {}): MemorySink {
    this.streams.open({
      topic: this.topic,
      sink,
      session,
      route,
      params,
      signals,
      conditions,
      granted,
      scope,
      ...(ids && { ids }),
      admitted,
      requested: { ...FROM_EARLIEST, ...requested },
    })
    return sink
  }

  /** The number of streams that were renewed. */
  renew(changes: Partial<Renewal> = {}): number {
    return this.renewal(changes).renewed
  }

  renewal(changes: Partial<Renewal> = {}): RenewalCount {
    return this.streams.renewHere({
      route: '/events',
      params: '[]',
      session: sessionFor(30),
      granted: '',
      previousDigest: null,
      ...changes,
    })
  }
}

/** A sink whose peer takes bytes only when the test says so. */
export class MemorySink implements Sink {
  /** How it ended, null while open. */
  ended: 'clean' | 'cancelled' | null = null
  /** Everything that was written, taken or not. */
  text = ''
  readonly pending: { bytes: number; taken: () => void }[] = []
  /** Takes writes as they come. */
  isQuick: boolean
  private readonly onClosed: (() => void)[] = []
  private isEnding = false
  private isClosed = false

  constructor(isQuick = true) {
    this.isQuick = isQuick
  }

  /** Data of all events, in order. */
  get data(): (string | undefined)[] {
    return [...this.text.matchAll(/^data:(.*)$/gm)].map(([, data]) => data)
  }

  write(bytes: Uint8Array, taken: () => void): void {
    this.text += Buffer.from(bytes).toString()
    this.pending.push({ bytes: bytes.length, taken })
    if (this.isQuick) queueMicrotask(() => this.take())
  }

  end(bytes: Uint8Array): void {
    this.text += Buffer.from(bytes).toString()
    this.isEnding = true
    if (this.pending.length === 0) this.close('clean')
  }

  cancel(): void {
    this.close('cancelled')
  }

  onClose(closed: () => void): void {
    if (this.isClosed) closed()
    else this.onClosed.push(closed)
  }

  releaseUntaken(lent: Lent | null): void {
    lent?.release()
  }

  /** The peer takes everything that is pending. */
  take(): void {
    for (const { taken } of this.pending.splice(0)) taken()
    if (this.isEnding) this.close('clean')
  }

  close(how: 'clean' | 'cancelled'): void {
    if (this.isClosed) return
    this.isClosed = true
    this.ended = how
    for (const { taken } of this.pending.splice(0)) taken()
    for (const closed of this.onClosed) closed()
  }
}

/** What a stream said after its first line, `retry`. */
export function said(sink: MemorySink): string {
  return sink.text.replace(/^retry:\d+\n\n/, '')
}
