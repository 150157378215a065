// The messages between the main thread and its workers. The main thread reads Kafka, counts and answers operators;
// workers serve clients.

import type { KeyChoice, KeyHeader } from '../../plugins/auth/keys/key-set.ts'
import type { KeyState } from '../../plugins/auth/keys/key-source.ts'
import type { KeySettings } from '../../plugins/auth/keys/open-keys.ts'
import type { Delay } from '../admin/event-loop-delay.ts'
import type { Encoding, Keeps, PartitionWatermarks } from '../bus/record.ts'
import type { TopicRefusal } from '../bus/topic.ts'
import type { ControlNews } from '../control/control-center.ts'
import type { ConnectionFigures } from '../http/connection.ts'
import type { TlsContext } from '../http/listener.ts'
import type { Change } from '../reload/live-settings.ts'
import type { Selector } from '../routing/selector.ts'
import type { Counters } from '../stream/counters.ts'
import type { Renewal, RenewalCount } from '../stream/holders.ts'
import type { WatchList } from '../stream/watching/stream-watch.ts'
import type { Revocation } from '../token/revocation.ts'
import type { RevocationRow } from '../token/revocations.ts'
import type { BusUpdate } from './bus-reporter.ts'
import type { HandedOptions } from './handover.ts'

/** What a worker is started with. */
export interface WorkerSetup {
  readonly handed: HandedOptions
  /** The worker's number, from 1. The worker counts its holds of segments under this number. The main thread is 0. */
  readonly thread: number
  /** The topics that `options.streams` names. Messages refer to a topic by number: these have their indices. */
  readonly topics: readonly TopicName[]
  /** Its own descriptors of the listening sockets, one for each address. */
  readonly descriptors: readonly number[]
  /** null: plain HTTP/1.1. The main thread reads the files, so that all workers serve one certificate. */
  readonly tls: TlsContext | null
  /** Where all workers count their connections, each in the row `thread` - 1 (src/http/connection-budget.ts). */
  readonly connectionCounts: SharedArrayBuffer
  /** Where all workers count rates (src/limits/rate-limits.ts). */
  readonly rateMemory: SharedArrayBuffer
}

export interface TopicName {
  readonly name: string
  readonly encoding: Encoding
  readonly keeps: Keeps
  /** By what streams are selected, in the order that the bus has. Mirrors must have the same. */
  readonly selectors: readonly Selector[]
}

/** What a worker counts. */
export interface Report {
  readonly figures: Counters
  readonly connections: ConnectionFigures
  readonly delay: Delay
  readonly heapUsedBytes: number
  readonly watch: WatchList
  /** Why the worker cannot verify tokens; null if it can. */
  readonly keysTrouble: string | null
}

/** What is new in the bus of the topic with this number. */
export interface TopicUpdate {
  readonly topic: number
  readonly update: BusUpdate
}

type Told<Body> = { body: Body; answer: unknown }
type Asked<Body, Answer> = { body: Body; answer: Answer }

export type ToWorker = {
  /** Updates of the buses. The next message comes after `updatesTaken`. */
  updates: Told<TopicUpdate[]>
  /** What the keys are now that the worker has opened under this number. */
  keys: Told<{ source: number; state: KeyState }>
  /** Renews streams of this worker alone. */
  renew: Asked<Renewal, RenewalCount>
  /** Ends streams of this worker, and refuses their sessions there. */
  revoke: Asked<Revocation, unknown>
  /** What the control center tells. The next message comes after the answer. */
  control: Asked<ControlNews, unknown>
  /** Takes other settings. */
  reload: Asked<Change, unknown>
  drain: Asked<{ withinMs: number }, unknown>
  close: Asked<null, unknown>
}

export type ToMain = {
  listening: Told<{ port: number }>
  updatesTaken: Told<null>
  report: Told<Report>
  /** A proxy that is not trusted names its clients. */
  forwarded: Told<null>
  hasRoom: Asked<{ address: string }, boolean>
  /** The number of the place, for `release`; null if a limit is reached. */
  admit: Asked<{ address: string; holder: string }, number | null>
  /** Places of streams that are over. */
  release: Told<{ places: readonly number[] }>
  /** Renews streams of all other workers. */
  renewElsewhere: Asked<Renewal, RenewalCount>
  /** Revokes in all other workers. */
  revokeElsewhere: Asked<Revocation, unknown>
  /** The next rows of what was revoked before this worker started; none if it has had all. */
  revocations: Asked<null, readonly RevocationRow[]>
  /** As in ControlCenter. Rejected if Kafka does not take it. */
  controlRenew: Asked<Renewal, unknown>
  /** Opens a topic for this worker, by a number that the worker has not used before. Updates may precede the answer. */
  acquireTopic: Asked<{ topic: number; name: TopicName }, 'open' | TopicRefusal>
  /** No stream of this worker uses the topic any more. */
  releaseTopic: Told<{ topic: number }>
  /** Redeems a ticket for all workers: whether its nonce is new. */
  redeemTicket: Asked<{ nonce: string; expiresAtMs: number }, boolean>
  /**
   * Opens keys for this worker, by a number that the worker has not used before. `keys` comes before the answer, and
   * after each change.
   */
  openKeys: Asked<{ source: number; settings: KeySettings }, unknown>
  /** The key that a header names, which the worker's copy lacks; null: that cannot be told now. */
  findKey: Asked<{ source: number; header: KeyHeader }, KeyChoice | null>
  watermarks: Asked<{ topic: number }, PartitionWatermarks>
}
