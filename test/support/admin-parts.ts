// The parts that the admin plugin looks at, as a test sets them.

import type { Parts } from '../../src/admin/readiness.ts'
import type { FedTopic } from '../../src/bus/topic.ts'
import { type Counters, createCounters } from '../../src/stream/counters.ts'
import { TopicInMemory } from './topic-in-memory.ts'

export class AdminParts implements Parts {
  readonly figures: Counters = createCounters()
  readonly opened: FedTopic[] = [new TopicInMemory()]
  keysTrouble: string | null = null
  readonly streams = { figures: this.figures, isDraining: false }
  readonly topics = { all: (): readonly FedTopic[] => this.opened }
  readonly authenticator = { keysReady: (): string | null => this.keysTrouble }
}
