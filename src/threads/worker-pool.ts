// The thread pool that serves clients. It starts workers, sends them the changes of buses, replaces those that die, and
// adds up what they count. Promise: the last report of a worker that died stays counted.

import { randomInt } from 'node:crypto'
import type { WorkerPoolFigures } from '../../plugins/admin/process-figures.ts'
import type { Delay } from '../admin/event-loop-delay.ts'
import { FORWARDED_UNTRUSTED } from '../app/forwarded-notice.ts'
import type { FedTopic, Topics } from '../bus/topic.ts'
import type { ControlCenter, ControlNews } from '../control/control-center.ts'
import { clearConnectionCounts, createConnectionCounts } from '../http/connection-budget.ts'
import { type ConnectionFigures, createConnectionFigures } from '../http/connection-limits.ts'
import type { Certificate } from '../http/listener.ts'
import { SEEDS } from '../limits/hashed-cell.ts'
import { createRateMemory } from '../limits/rate-limits.ts'
import type { LiveOptions } from '../reload/live-settings.ts'
import { CountedAdmission } from '../stream/admission.ts'
import { SYSTEM_CLOCK } from '../stream/clock.ts'
import { type Counters, createCounters, type EndReason, sumOf, withOpenEnded } from '../stream/counters.ts'
import { type Renewal, type RenewalCount, sumOfRenewals } from '../stream/holders.ts'
import type { Streams } from '../stream/streams.ts'
import { sumOfWatches } from '../stream/watching/stream-watch.ts'
import { RedeemedTickets } from '../tickets/redeemed-tickets.ts'
import type { Authenticator } from '../token/authenticator.ts'
import { type Revocation, withoutLogout } from '../token/revocation.ts'
import { Revocations } from '../token/revocations.ts'
import type { HandedOptions } from './handover.ts'
import type { Report } from './messages.ts'
import { WorkerHandle } from './worker-handle.ts'
import type { ProcessKeys } from './worker-keys.ts'
import { WorkerSettings } from './worker-settings.ts'
import { WorkerSockets } from './worker-sockets.ts'

export interface WorkerPoolParts {
  readonly handed: HandedOptions
  readonly topics: Topics
  readonly keys: ProcessKeys
  /** null without a control topic. */
  readonly center: ControlCenter | null
  /** Descriptors of the listening sockets, a list for each worker. The lists beyond `workers` are for replacements. */
  readonly descriptors: readonly (readonly number[])[]
  readonly log: WorkerPoolLog
}

/** Gets a line when a worker has died, or a proxy is not known. */
export interface WorkerPoolLog {
  error(about: { err: Error; worker: number }, words: string): void
  fatal(words: string): void
  warn(words: string): void
}

/** plugins/admin uses it in place of the streams and the authenticator of an app in one thread. */
export class WorkerPool
  implements
    Pick<Streams, 'figures' | 'isDraining' | 'revocations'>,
    Pick<Authenticator, 'keysReady'>,
    WorkerPoolFigures
{
  isDraining = false
  /** All that is revoked, for workers that start later. Each worker has the same in a table of its own. */
  readonly revocations = new Revocations(SYSTEM_CLOCK)
  readonly watch = { list: () => sumOfWatches(this.reports().map(({ watch }) => watch)) }
  /** Workers that ended without being stopped. */
  deaths = 0
  /** Resolves when a worker has died and no sockets are left for a replacement. */
  readonly failed: Promise<void>
  private readonly parts: WorkerPoolParts
  private readonly topics: readonly FedTopic[]
  private readonly admission: CountedAdmission
  private readonly redeemedTickets = new RedeemedTickets(SYSTEM_CLOCK.epochMs)
  private readonly settings: WorkerSettings
  private readonly connectionCounts: SharedArrayBuffer
  private readonly rateMemory = createRateMemory()
  private readonly handles = new Set<WorkerHandle>()
  /** The counts of workers that have ended. */
  private endedCounts: Pick<Report, 'figures' | 'connections'>[] = []
  private readonly sockets: WorkerSockets
  private hasWarnedOfForwarded = false
  private isClosing = false
  private fail: () => void = () => {}

  constructor(parts: WorkerPoolParts) {
    this.parts = parts
    this.settings = new WorkerSettings(parts.handed)
    this.sockets = new WorkerSockets(parts.descriptors)
    const { options } = parts.handed
    this.topics = this.settings.topics.map(({ name, encoding, keeps, selectors }) =>
      parts.topics.open(name, encoding, keeps, selectors),
    )
    this.admission = new CountedAdmission(options.sse)
    this.connectionCounts = createConnectionCounts(options.workers, randomInt(SEEDS))
    this.failed = new Promise((resolve) => {
      this.fail = resolve
    })
  }

  /** Resolves with the port once every worker listens; rejects with the first error of a worker that cannot. */
  async start(certificate: Certificate | null): Promise<number> {
    if (certificate !== null) this.settings.useCertificate(certificate)
    const handles = Array.from({ length: this.parts.handed.options.workers }, (_, index) =>
      this.add(index + 1),
    )
    const ports = await Promise.all(handles.map(({ listening }) => listening))
    return ports[0] ?? 0
  }

  get workers(): number {
    return this.handles.size
  }

  get figures(): Counters {
    const { figures } = sumOf([
      { figures: createCounters() },
      ...this.counted().map(({ figures }) => ({ figures })),
    ])
    return figures
  }

  get connections(): ConnectionFigures {
    return sumOf([createConnectionFigures(), ...this.counted().map(({ connections }) => connections)])
  }

  /** The longest delay of all threads, for each percentile. */
  delay(): Delay {
    const delays = [...this.handles].flatMap((handle) => handle.delay() ?? [])
    const latest = (read: (delay: Delay) => number) => Math.max(0, ...delays.map(read))
    return { p50: latest(({ p50 }) => p50), p99: latest(({ p99 }) => p99), max: latest(({ max }) => max) }
  }

  get heapUsedBytes(): number {
    return this.reports().reduce((bytes, { heapUsedBytes }) => bytes + heapUsedBytes, 0)
  }

  keysReady(): string | null {
    return this.reports().find(({ keysTrouble }) => keysTrouble !== null)?.keysTrouble ?? null
  }

  /** In all workers but `by`, which has done it. Resolves when they have; rejects if one does not answer. */
  async revoke(revocation: Revocation, by: WorkerHandle | null = null): Promise<void> {
    this.revocations.add(revocation)
    await this.each(async (handle) => {
      if (handle !== by) await handle.revoke(revocation)
    })
  }

  /** What other replicas tell. */
  receive(news: ControlNews): void {
    for (const handle of this.handles) handle.receive(news)
  }

  /** In all workers, and in those that start later. Rejects if one does not take it. */
  async reload(options: LiveOptions, certificate: Certificate | null): Promise<void> {
    const change = this.settings.change(options, certificate)
    this.admission.limitTo(options.sse)
    await this.each((handle) => handle.reload(change))
  }

  async drain(withinMs: number): Promise<void> {
    this.isDraining = true
    await this.each((handle) => handle.drain(withinMs))
  }

  async close(): Promise<void> {
    this.isClosing = true
    this.sockets.closeLeft()
    await this.each((handle) => handle.close())
  }

  private async each(act: (handle: WorkerHandle) => Promise<unknown>): Promise<void> {
    await Promise.all([...this.handles].map(act))
  }

  private add(thread: number): WorkerHandle {
    const { settings, connectionCounts, rateMemory } = this
    const { handed, tls, topics: names } = settings
    const setup = { handed, thread, topics: names, tls, connectionCounts, rateMemory }
    const { topics: fixed, admission } = this
    const handle = new WorkerHandle(
      { ...setup, descriptors: this.sockets.take() },
      {
        fixed,
        source: this.parts.topics,
        admission,
        keys: this.parts.keys,
        center: this.parts.center,
        renewElsewhere: (renewal, by) => this.renewElsewhere(renewal, by),
        redeemTicket: this.parts.center?.redeem ?? this.redeemedTickets.redeem,
        revokeElsewhere: (revocation, by) => this.revokeElsewhere(revocation, by),
        revocations: this.revocations,
        onForwarded: () => this.warnOfForwarded(),
        onExit: (ended, error) => this.replace(ended, error),
      },
    )
    this.handles.add(handle)
    return handle
  }

  /** A revocation of one worker: in the others, and at other replicas. A logout token is used once all know of it. */
  private async revokeElsewhere(revocation: Revocation, by: WorkerHandle): Promise<void> {
    await Promise.all([this.revoke(withoutLogout(revocation), by), this.parts.center?.revoke(revocation)])
    if (revocation.jti !== null) await this.revoke(revocation, by)
  }

  private async renewElsewhere(renewal: Renewal, by: WorkerHandle): Promise<RenewalCount> {
    const others = [...this.handles].filter((handle) => handle !== by)
    return sumOfRenewals(await Promise.all(others.map((handle) => handle.renew(renewal))))
  }

  private warnOfForwarded(): void {
    if (!this.hasWarnedOfForwarded) this.parts.log.warn(FORWARDED_UNTRUSTED)
    this.hasWarnedOfForwarded = true
  }

  /** Starts a worker in place of one that ended. Its clients reconnect by themselves, to any worker. */
  private replace(ended: WorkerHandle, error: Error): void {
    this.handles.delete(ended)
    clearConnectionCounts(this.connectionCounts, ended.thread - 1)
    this.parts.topics.releaseThread(ended.thread)
    const reason = this.isClosing ? 'shutdown' : 'worker-died'
    if (ended.report !== null)
      this.endedCounts = [sumOf([...this.endedCounts, countsOfEnded(ended.report, reason)])]
    if (this.isClosing) return
    this.deaths++
    const { log } = this.parts
    log.error({ err: error, worker: ended.thread }, 'a worker has died')
    if (this.isDraining) return
    if (this.sockets.areLeft) void this.add(ended.thread)
    else {
      log.fatal('no listening socket is left for another worker')
      this.fail()
    }
  }

  private reports(): Report[] {
    return [...this.handles].flatMap(({ report }) => report ?? [])
  }

  private counted(): Pick<Report, 'figures' | 'connections'>[] {
    return [...this.endedCounts, ...this.reports()]
  }
}

/** The counts of a worker that has ended: none of its streams and connections is open. */
function countsOfEnded(
  { figures, connections }: Report,
  reason: EndReason,
): Pick<Report, 'figures' | 'connections'> {
  return { figures: withOpenEnded(figures, reason), connections: { ...connections, open: 0 } }
}
