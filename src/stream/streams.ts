// All open streams of a thread: opens them within the limits, renews and counts them, and ends them when their sessions
// are revoked or the server shuts down.

import type { RequestedBeginning } from '../beginning/requested-beginning.ts'
import type { Topic } from '../bus/topic.ts'
import { AllRecords } from '../cursor/cursors.ts'
import { type IdSpelling, PLAIN_IDS } from '../sealing/id-spelling.ts'
import type { RouteCondition } from '../selection/selection.ts'
import {
  type Revocation,
  type RevocationRequest,
  revocationOf,
  type TokenLifetimes,
  withoutLogout,
} from '../token/revocation.ts'
import { Revocations } from '../token/revocations.ts'
import type { Session } from '../token/session.ts'
import type { AdmissionLimits, Admitted } from './admission.ts'
import { type Clock, SYSTEM_CLOCK } from './clock.ts'
import { type Counters, createCounters, type EndReason } from './counters.ts'
import { Drain, drained, RevokedStreams } from './drain.ts'
import {
  Holders,
  holderOf,
  type MatchedPath,
  NO_RENEWALS,
  type Renewal,
  type RenewalCount,
  type RenewalRule,
  sumOfRenewals,
} from './holders.ts'
import type { Delivered, Tally } from './measuring/tally.ts'
import { Pump } from './pump.ts'
import { type Shared, unshared } from './sharing/shared.ts'
import { SharedReadings } from './sharing/shared-readings.ts'
import { between, end, RETRY_BUSY_MS, RETRY_MS, retry } from './signals.ts'
import type { Sink } from './sink.ts'
import { Stream, type StreamParts, type StreamSettings } from './stream.ts'
import { TimingWheel } from './timing-wheel.ts'
import { StreamWatch } from './watching/stream-watch.ts'

export interface StreamsSettings extends StreamSettings, AdmissionLimits, RenewalRule {
  /** Length of the pump's turns. */
  readonly turnMs: number
  readonly lifetimes: TokenLifetimes
  /** Default: `REVOCATIONS_MAX`. */
  readonly revocationsMax?: number
}

/** A stream that is to be opened. A renewal has the same path. */
export interface StreamRequest extends MatchedPath {
  readonly topic: Topic
  readonly sink: Sink
  readonly session: Session
  readonly signals: boolean
  /** What a record must match. Default: nothing, so that the stream gets every record. */
  readonly conditions?: readonly RouteCondition[]
  /** What its session was granted of the topic: `Selection.granted`. Default: every record. */
  readonly granted?: string
  /** What a renewal has to grant; see `grantsScope`. Default: nothing. */
  readonly scope?: string | null
  /** How its ids are spelt. Default: plainly. */
  readonly ids?: IdSpelling
  /** Its place within the limits, released when the stream is over. */
  readonly admitted: Admitted
  readonly requested: RequestedBeginning
  /** Called when the stream is over, behind all deadlines that are due. For logging its end. */
  readonly onEnded?: (session: Session, delivered: Delivered, reason: EndReason) => void
}

/** Share of the drain time over which the ends are spread. In the rest the last bytes arrive. */
const DRAIN_SPREAD = 0.8

export class Streams {
  readonly figures: Counters = createCounters()
  readonly watch: StreamWatch
  private readonly settings: StreamsSettings
  private readonly shared: Shared
  private readonly clock: Clock
  private readonly pump: Pump
  private readonly wheel: TimingWheel<Stream>
  private readonly holders: Holders
  private readonly revokedStreams = new RevokedStreams()
  /** What is revoked, as far as this thread was told. */
  readonly revocations: Revocations
  readonly lifetimes: TokenLifetimes
  /** Set by `drain`. From then on no stream opens. */
  isDraining = false
  /** Called when the last stream closes. */
  private readonly emptied = new Set<() => void>()
  private readonly readings: SharedReadings

  constructor(settings: StreamsSettings, shared: Shared = unshared(settings), clock: Clock = SYSTEM_CLOCK) {
    this.settings = settings
    this.shared = shared
    this.clock = clock
    this.watch = new StreamWatch(this.figures, clock)
    this.holders = new Holders(settings)
    this.revocations = new Revocations(clock, settings.revocationsMax)
    this.lifetimes = settings.lifetimes
    this.pump = new Pump(settings.turnMs, clock)
    this.readings = new SharedReadings(this.pump)
    this.wheel = new TimingWheel({
      clock,
      onDue: (stream, nowMs) => stream.due(nowMs),
      onWork: () => this.pump.addUrgent(this.wheel),
    })
  }

  /** Why no stream can be opened from this address now; null if one can. */
  async refusal(address: string): Promise<'draining' | 'revocations' | 'busy' | null> {
    if (this.isDraining) return 'draining'
    if (this.revocations.isFull) return 'revocations'
    return (await this.shared.admission.hasRoom(address)) ? null : 'busy'
  }

  /**
   * Takes a place for a stream of this holder; null if a limit is reached, a drain has begun, or there is no room for
   * revocations. Pass it to `open`, or release it.
   */
  async admit(address: string, session: Session): Promise<Admitted | null> {
    const admitted = await this.shared.admission.admit(address, holderOf(session))
    if (!this.isDraining && !this.revocations.isFull) return admitted
    admitted?.release()
    return null
  }

  open(request: StreamRequest): Stream {
    const { topic, requested, sink, session, signals, conditions = [], ids = PLAIN_IDS } = request
    const selection = conditions.length === 0 ? null : this.readings.selectionOf(topic, conditions)
    const tally = this.watch.tallyOf({ path: request.route, subject: session.subject })
    const parts: StreamParts = {
      topic,
      cursors: selection?.records ?? new AllRecords(topic.bus),
      selection,
      ids,
      answers: this.readings.answersOf(topic),
      sink,
      session,
      signals,
      pump: this.pump,
      wheel: this.wheel,
      tally,
      settings: this.settings,
      clock: this.clock,
      onClosed: (closed, reason) => this.closed(closed, request, tally, reason),
    }
    const stream = new Stream(parts, requested)
    this.holders.add(stream, request, request.granted ?? '', request.scope ?? null)
    stream.open(between(RETRY_MS))
    // A revocation or a drain may have come while the request waited, or a revocation that there is no room for.
    if (this.revocations.refuses(session)) stream.end('revoked')
    else if (this.isDraining || this.revocations.isFull) stream.end(this.isDraining ? 'shutdown' : 'busy')
    return stream
  }

  /**
   * Asks a client to retry later, by a response with status 200 that ends. After another status a browser's EventSource
   * never retries.
   */
  turnAway(sink: Sink, signals: boolean): void {
    this.figures.streamsEnded.busy++
    sink.end(Buffer.concat([retry(between(RETRY_BUSY_MS)), end('busy', signals)]))
  }

  /** Renews every open stream that the renewal applies to, in all threads; resolves with what was found. */
  async renew(renewal: Renewal): Promise<RenewalCount> {
    const here = this.renewHere(renewal)
    return sumOfRenewals([here, await this.shared.renewElsewhere(renewal)])
  }

  /** As `renew`, for this thread alone: see `Holders.renewable`. */
  renewHere(renewal: Renewal): RenewalCount {
    if (this.revocations.refuses(renewal.session)) return NO_RENEWALS
    const { streams, others } = this.holders.renewable(renewal)
    for (const stream of streams) this.holders.renew(stream, renewal.session)
    this.figures.renewals += streams.length
    return { renewed: streams.length, others }
  }

  /** Ends the streams of named sessions in all threads, and refuses these sessions. Rejects with RevocationInvalid. */
  async revoke(request: RevocationRequest): Promise<void> {
    await this.revokeEverywhere(revocationOf(request, this.lifetimes, this.clock.epochMs()))
  }

  /** As `revoke`. Here it holds at once. Rejects if others may not know of it; its logout token may then come again. */
  async revokeEverywhere(revocation: Revocation): Promise<void> {
    this.revokeHere(withoutLogout(revocation))
    await this.shared.revokeElsewhere(revocation)
    if (revocation.jti !== null) this.revocations.add(revocation)
  }

  /** As `revoke`, for this thread alone. It ends the streams in the pump's turns, at once. */
  revokeHere(revocation: Revocation): void {
    this.revocations.add(revocation)
    const held = this.holders.named(revocation)
    if (held === null) return
    this.revokedStreams.add(held, revocation.beforeMs)
    this.pump.addUrgent(this.revokedStreams)
  }

  /** Counts a refused request by its error's code. Codes that are not ours count as `other`. */
  countRefusal(code: string | null): void {
    const name = code?.startsWith('FKS_') ? code : 'other'
    this.figures.refusals[name] = (this.figures.refusals[name] ?? 0) + 1
  }

  /** Opens no more streams, and ends the open ones, spread over most of `withinMs`. Resolves when none is left. */
  async drain(withinMs: number): Promise<void> {
    this.isDraining = true
    const drain = new Drain([...this.holders.all()], this.clock.nowMs(), withinMs * DRAIN_SPREAD)
    await drained(drain, this.pump)
    if (this.holders.size > 0) await new Promise<void>((resolve) => this.emptied.add(resolve))
    await this.pump.settled()
  }

  /** Ends all streams that are open now, as `busy`. */
  endAll(): void {
    this.pump.addUrgent(new Drain([...this.holders.all()], this.clock.nowMs(), 0, 'busy'))
  }

  /** Calls at once, or behind all deadlines that are due. For logging the end of a stream. */
  afterDeadlines(call: () => void): void {
    this.pump.afterUrgent(call)
  }

  /** Forgets a topic that was closed. No stream of it is open. */
  forget(topic: Topic): void {
    this.pump.forget(topic.bus)
    this.readings.forget(topic)
  }

  /** Ends all streams without spreading. Resolves when none is left. */
  async close(): Promise<void> {
    await this.drain(0)
    this.pump.close()
    this.readings.close()
  }

  private closed(stream: Stream, request: StreamRequest, tally: Tally, reason: EndReason): void {
    tally.ended(reason)
    request.admitted.release()
    this.pump.afterUrgent(() => request.onEnded?.(stream.session, tally, reason))
    this.holders.remove(stream)
    if (this.holders.size > 0) return
    for (const resolve of this.emptied) resolve()
    this.emptied.clear()
  }
}
