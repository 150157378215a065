// The interface of plugins/admin for the admin routes: readiness, metrics and live figures.

import type { EndReason } from '../stream/counters.ts'
import type { Delay } from './event-loop-delay.ts'

export interface Admin {
  /** Why this process should get no new streams now, for an operator; empty if it is ready. */
  notReady(): string[]
  /** Every metric in Prometheus's text format. */
  metrics(): Promise<MetricsText>
  status(): Status
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
  }
  readonly delivered: { readonly records: number; readonly bytes: number; readonly writes: number }
  readonly challenges: number
  readonly renewals: number
  /** Those that are configured by name, then the first ones that are open because clients name them in a path. */
  readonly topics: readonly TopicStatus[]
  readonly topicsByPath: { readonly open: number; readonly retainedBytes: number; readonly bytesMax: number }
  readonly eventLoopDelaySeconds: Delay
  readonly cpuSeconds: number
  readonly residentBytes: number
}

export interface TopicStatus {
  readonly name: string
  readonly encoding: string
  readonly keeps: string
  readonly isCaughtUp: boolean
  /** Event id of the bus's tail. */
  readonly position: string
  readonly recordsAppended: number
  readonly retainedRecords: number
  readonly retainedBytes: number
  readonly retainedBytesMax: number
}
