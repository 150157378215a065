// Settings of Streams for tests: the defaults of a server, with limits that the number of streams does not meet.

import type { StreamsSettings } from '../../src/stream/streams.ts'

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
