// The main thread's side of one worker: sends it updates of the buses, keeps its streams' places and its last report.
// Promise: when the worker ends, for any reason, its places are released and its questions are rejected.

import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Delay } from '../admin/event-loop-delay.ts'
import type { FedTopic, Topics } from '../bus/topic.ts'
import type { ControlCenter, ControlNews } from '../control/control-center.ts'
import type { Change } from '../reload/live-settings.ts'
import type { Admitted, CountedAdmission } from '../stream/admission.ts'
import { NO_RENEWALS, type Renewal, type RenewalCount } from '../stream/holders.ts'
import type { RedeemTicket } from '../tickets/tickets.ts'
import type { Revocation } from '../token/revocation.ts'
import type { RevocationRow, Revocations } from '../token/revocations.ts'
import { Channel, ChannelClosed } from './channel.ts'
import type { Report, ToMain, TopicUpdate, ToWorker, WorkerSetup } from './messages.ts'
import { WorkerControl } from './worker-control.ts'
import { type ProcessKeys, WorkerKeys } from './worker-keys.ts'
import { WorkerTopics } from './worker-topics.ts'

/** Time for a worker to close before it is terminated. */
const CLOSE_MS = 2000
/** A worker that does not answer within this time counts as having renewed no stream. */
const RENEW_MS = 1000
/** Time for a worker to take other settings. */
const RELOAD_MS = 5000
/** Time for a worker to revoke. */
const REVOKE_MS = 5000
/** A worker reports four times as often. One that is silent for longer is held up, or has more to do than it can. */
const SILENT_MS = 1000
/** Revocations that a worker is sent at once as it starts: some 10 ms. */
const ROWS_AT_ONCE = 5000

export interface WorkerHandleParts {
  /** The topics that are always open. */
  readonly fixed: readonly FedTopic[]
  readonly source: Pick<Topics, 'acquire'>
  readonly admission: CountedAdmission
  readonly keys: Pick<ProcessKeys, 'open'>
  /** null without a control topic. */
  readonly center: ControlCenter | null
  readonly renewElsewhere: (renewal: Renewal, by: WorkerHandle) => Promise<RenewalCount>
  readonly redeemTicket: RedeemTicket
  readonly revokeElsewhere: (revocation: Revocation, by: WorkerHandle) => Promise<void>
  readonly revocations: Pick<Revocations, 'rows'>
  readonly onForwarded: () => void
  readonly onExit: (handle: WorkerHandle, error: Error) => void
}

export class WorkerHandle {
  readonly thread: number
  /** Its last report; null before the first one. */
  report: Report | null = null
  private reportedMs = 0
  private readonly worker: Worker
  private readonly channel: Channel<ToWorker, ToMain>
  private readonly topics: WorkerTopics
  private readonly keys: WorkerKeys
  private readonly control: WorkerControl | null
  private readonly places = new Map<number, Admitted>()
  private lastPlace = 0
  private hasListened = false
  private readonly ended = new AbortController()
  private error: Error | null = null
  /** Resolves with the worker's port once it listens; rejects if the worker ends before. */
  readonly listening: Promise<number>

  constructor(setup: WorkerSetup, parts: WorkerHandleParts) {
    const { fixed, source, admission } = parts
    const rows = parts.revocations.rows()
    this.thread = setup.thread
    this.worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: setup })
    let listens: (port: number) => void = () => {}
    this.listening = new Promise((resolve, reject) => {
      listens = resolve
      this.worker.once('exit', () => reject(this.error ?? new Error('a worker ended')))
    })
    this.listening.catch(() => {}) // `start` handles it; a worker that ends later is reported by `onExit`
    this.channel = new Channel<ToWorker, ToMain>(this.worker, {
      listening: ({ port }) => {
        this.hasListened = true
        listens(port)
      },
      updatesTaken: () => this.topics.updatesTaken(),
      report: (report) => {
        this.report = report
        this.reportedMs = performance.now()
      },
      forwarded: () => parts.onForwarded(),
      hasRoom: ({ address }) => admission.hasRoom(address),
      admit: ({ address, holder }) => this.keepPlace(admission.admit(address, holder)),
      release: ({ places }) => {
        for (const place of places) this.releasePlace(place)
      },
      renewElsewhere: (renewal) => parts.renewElsewhere(renewal, this),
      revokeElsewhere: (revocation) => parts.revokeElsewhere(revocation, this),
      revocations: () => nextRows(rows),
      controlRenew: (renewal) => centerOf(parts).renew(renewal),
      acquireTopic: ({ topic, name }) => this.topics.acquire(topic, name),
      releaseTopic: ({ topic }) => this.topics.release(topic),
      redeemTicket: ({ nonce, expiresAtMs }) => parts.redeemTicket(nonce, expiresAtMs),
      openKeys: (named) => this.keys.open(named),
      findKey: (asked) => this.keys.find(asked),
      watermarks: ({ topic }) => watermarksOf(this.topics.get(topic), this.ended.signal),
    })
    const tell = (updates: TopicUpdate[]) => this.channel.tell('updates', updates)
    this.topics = new WorkerTopics({ fixed, source, tell })
    this.keys = new WorkerKeys(parts.keys, (told) => this.channel.tell('keys', told))
    const { center, revocations } = parts
    this.control =
      center === null
        ? null
        : new WorkerControl({
            revocations,
            figures: center.figures,
            state: () => center.state(),
            send: (news) => this.channel.ask('control', news),
          })
    this.worker.on('error', (error) => {
      this.error = error
    })
    this.worker.once('exit', (code) => {
      this.end()
      parts.onExit(this, this.error ?? new Error(`it ended with exit code ${code}`))
    })
  }

  /**
   * As it has reported; null before the first report. A worker whose event loop is held up cannot report that, so the
   * time of its silence counts for as long as it lasts.
   */
  delay(): Delay | null {
    const reported = this.report?.delay ?? null
    const silentMs = performance.now() - this.reportedMs
    if (reported === null || silentMs < SILENT_MS) return reported
    const atLeast = (seconds: number) => Math.max(seconds, silentMs / 1000)
    return { p50: atLeast(reported.p50), p99: atLeast(reported.p99), max: atLeast(reported.max) }
  }

  /** What other replicas tell. */
  receive(news: ControlNews): void {
    this.control?.receive(news)
  }

  /** Renews streams of this worker. One that does not listen yet has none. */
  async renew(renewal: Renewal): Promise<RenewalCount> {
    if (!this.hasListened) return NO_RENEWALS
    const none = pause(RENEW_MS, NO_RENEWALS, { ref: false })
    return Promise.race([this.channel.ask('renew', renewal).catch(() => NO_RENEWALS), none])
  }

  /**
   * Resolves when the worker has revoked, or has ended; rejects if it does not answer in time. One that does not listen
   * yet is told, and opens no stream before it has taken that.
   */
  async revoke(revocation: Revocation): Promise<void> {
    const revoked = this.channel.ask('revoke', revocation)
    await this.taken(revoked, REVOKE_MS, 'a worker has not revoked in time')
  }

  /** As `revoke`. One that does not listen yet takes it before it does. */
  async reload(change: Change): Promise<void> {
    const taken = this.channel.ask('reload', change)
    await this.taken(taken, RELOAD_MS, 'a worker has not taken the settings in time')
  }

  private async taken(answer: Promise<unknown>, withinMs: number, words: string): Promise<void> {
    const taken = answer.catch((error) => {
      if (!(error instanceof ChannelClosed)) throw error
    })
    if (!this.hasListened) {
      taken.catch(() => {}) // what fails in it then fails its start
      return
    }
    const late = pause(withinMs, 'late', { ref: false })
    if ((await Promise.race([taken, late])) === 'late') throw new Error(words)
  }

  /**
   * Resolves when the worker's streams or the worker itself have ended. A worker that does not listen yet will open
   * none.
   */
  async drain(withinMs: number): Promise<void> {
    const drained = this.channel.ask('drain', { withinMs }).catch(() => {})
    if (this.hasListened) await drained
  }

  /** Terminates a worker that does not listen yet at once, because it has no streams to end. */
  async close(): Promise<void> {
    if (!this.hasListened) {
      await this.worker.terminate()
      return
    }
    const late = pause(CLOSE_MS, undefined, { ref: false })
    await Promise.race([this.channel.ask('close', null).catch(() => {}), late])
    await this.worker.terminate()
  }

  private keepPlace(admitted: Admitted | null): number | null {
    if (admitted === null) return null
    this.places.set(++this.lastPlace, admitted)
    return this.lastPlace
  }

  private releasePlace(place: number): void {
    this.places.get(place)?.release()
    this.places.delete(place)
  }

  /** Releases everything that the worker held. */
  private end(): void {
    this.channel.close()
    this.ended.abort()
    for (const place of [...this.places.keys()]) this.releasePlace(place)
    this.topics.end()
    this.keys.end()
    this.control?.close()
  }
}

function nextRows(rows: Generator<RevocationRow>): readonly RevocationRow[] {
  const next: RevocationRow[] = []
  while (next.length < ROWS_AT_ONCE) {
    const { done, value } = rows.next()
    if (done) break
    next.push(value)
  }
  return next
}

function centerOf({ center }: WorkerHandleParts): ControlCenter {
  if (center === null) throw new Error('there is no control topic')
  return center
}

function watermarksOf(topic: FedTopic | undefined, signal: AbortSignal) {
  if (topic === undefined) throw new Error('there is no such topic')
  return topic.watermarks(signal)
}
