// The interface of plugins/admin for the admin routes: readiness, metrics and live figures.

import type { PartitionProgress } from '../bus/partitions.ts'
import type { RecentEnd, RecentRefusal } from '../outcomes/recent-outcomes.ts'
import type { EndReason } from '../stream/counters.ts'
import type { SlowList } from '../stream/watching/slow-streams.ts'
import type { Delay } from './event-loop-delay.ts'
import type { HistoryColumns, HistorySample } from './history.ts'

export interface Admin {
  /** Why this process should get no new streams now, for an operator; empty if it is ready. */
  notReady(): string[]
  /** Every metric in Prometheus's text format. */
  metrics(): Promise<MetricsText>
  /** `hasHistory`: with all samples of the last ten minutes, in place of the newest alone. */
  status(hasHistory: boolean): Status
}

export interface MetricsText {
  readonly contentType: string
  readonly text: string
}

/** The live figures of /status, sent to each viewer once a second as JSON. */
export interface Status {
  readonly atMs: number
  readonly uptimeSeconds: number
  readonly notReady: readonly string[]
  readonly streams: {
    readonly open: number
    readonly opened: number
    readonly ended: Readonly<Record<EndReason, number>>
    /** By path in Fastify's notation, those with the most open streams first; at most PATHS_SHOWN_MAX. */
    readonly paths: readonly PathStatus[]
    readonly slow: SlowList
  }
  /** Newest first, a bounded number of each. */
  readonly refusals: readonly RecentRefusal[]
  readonly ends: readonly RecentEnd[]
  /** The newest sample; null before the first one. */
  readonly sample: HistorySample | null
  /** Only in the first event of a viewer. */
  readonly history?: HistoryColumns
  readonly delivered: { readonly records: number; readonly bytes: number; readonly writes: number }
  readonly challenges: number
  readonly renewals: number
  /** Those that are configured by name, then the first ones that are open because clients name them in a path. */
  readonly topics: readonly TopicStatus[]
  readonly topicsByPath: {
    readonly open: number
    /** So many of them are among `topics`. */
    readonly shown: number
    readonly retainedBytes: number
    readonly bytesMax: number
  }
  readonly eventLoopDelaySeconds: Delay
  readonly cpuSeconds: number
  readonly residentBytes: number
}

export interface TopicStatus {
  readonly name: string
  readonly encoding: string
  readonly keeps: string
  readonly isCaughtUp: boolean
  /** Why it is not ready, for an operator; null if it is, or if it is only still being read. */
  readonly trouble: string | null
  /** It keeps the newest record of every key, and dropped one for lack of room: it has no snapshot for new streams. */
  readonly isFull: boolean
  /** The first ones, in ascending order. */
  readonly partitions: readonly PartitionProgress[]
  readonly partitionsCount: number
  /** Offsets of all partitions that are not read yet, by the ends that Kafka told last. */
  readonly lag: number
  readonly recordsAppended: number
  readonly retainedRecords: number
  readonly retainedBytes: number
  readonly retainedBytesMax: number
}

export interface PathStatus {
  readonly path: string
  readonly open: number
  /** Since the start. */
  readonly opened: number
}
