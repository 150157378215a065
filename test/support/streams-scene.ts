// The streams of one topic in memory: a real bus and sinks that the test reads. Time is vitest’s.

import { FROM_EARLIEST, type RequestedBeginning } from '../../src/beginning/requested-beginning.ts'
import type { Admitted } from '../../src/stream/admission.ts'
import type { Renewal } from '../../src/stream/holders.ts'
import { Streams, type StreamsSettings } from '../../src/stream/streams.ts'
import type { Session } from '../../src/token/session.ts'
import { MemorySink } from './memory-sink.ts'
import { TopicInMemory } from './topic-in-memory.ts'

/** The defaults of a server, with room for this many streams. */
export function streamsSettings(streamsMax: number): StreamsSettings {
  return {
    challengeMs: 10_000,
    heartbeatMs: 9_000,
    stalledMs: 30_000,
    turnMs: 0.3,
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
    path = '/events',
    signals = false,
    admitted = { release: () => {} },
  }: {
    session?: Session
    sink?: MemorySink
    requested?: Partial<RequestedBeginning>
    path?: string
    signals?: boolean
    admitted?: Admitted
  } = {}): MemorySink {
    this.streams.open({
      topic: this.topic,
      sink,
      session,
      path,
      signals,
      admitted,
      requested: { ...FROM_EARLIEST, ...requested },
    })
    return sink
  }

  renew(changes: Partial<Renewal> = {}): number {
    return this.streams.renewHere({
      path: '/events',
      session: sessionFor(30),
      previousDigest: null,
      ...changes,
    })
  }
}

/** What a stream said after its first line, `retry`. */
export function said(sink: MemorySink): string {
  return sink.text.replace(/^retry:\d+\n\n/, '')
}
