// The parts that the admin plugin looks at, as a test sets them.

import type { Parts } from '../../src/admin/readiness.ts'
import type { FedTopic } from '../../src/bus/topic.ts'
import { RecentOutcomes } from '../../src/outcomes/recent-outcomes.ts'
import { SubjectHashes } from '../../src/outcomes/subject-hashes.ts'
import { type Counters, createCounters } from '../../src/stream/counters.ts'
import { NONE_SLOW, type SlowList } from '../../src/stream/watching/slow-streams.ts'
import type { WatchList } from '../../src/stream/watching/stream-watch.ts'
import { TopicInMemory } from './topic-in-memory.ts'

export class AdminParts implements Parts {
  readonly figures: Counters = createCounters()
  readonly opened: FedTopic[] = [new TopicInMemory()]
  keysTrouble: string | null = null
  readonly outcomes = new RecentOutcomes(new SubjectHashes([new Uint8Array(32)]))
  slow: SlowList = NONE_SLOW
  readonly streams = {
    figures: this.figures,
    isDraining: false,
    revocations: { isFull: false, size: 0 },
    watch: { list: (): WatchList => ({ outcomes: this.outcomes.list(), slow: this.slow }) },
  }
  /** Topics that clients have named in a path. */
  readonly byPath = {
    open: [] as FedTopic[],
    pool: { allocatedBytes: 0, partedBytes: 0 },
    bytesMax: 2 ** 31,
    opened: 0,
    closed: { idle: 0, room: 0 },
    closedCounts: { recordsAppended: 0, recordsTooLarge: 0 },
  }
  readonly library = { version: '2.12.0', codecs: ['gzip', 'zstd'] }
  readonly topics = {
    all: (): readonly FedTopic[] => this.opened,
    byPath: this.byPath,
    library: this.library,
    partitionsShownMax: 3,
  }
  readonly authenticator = {
    keysReady: (): string | null => this.keysTrouble,
    keyFetches: () => ({ read: 4, failed: 1 }),
  }
  control: Parts['control'] = null
}
