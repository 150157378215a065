// Every open stream of the process: opened within limits, renewed, counted, and ended together when the process goes.

import type { RequestedBeginning } from '../beginning/requested-beginning.ts'
import type { PartitionWatermarks } from '../bus/record.ts'
import { SharedAnswer } from '../bus/shared-answer.ts'
import type { Topic } from '../bus/topic.ts'
import type { Session } from '../token/session.ts'
import { type Admission, type AdmissionLimits, type Admitted, CountedAdmission } from './admission.ts'
import { type Clock, SYSTEM_CLOCK } from './clock.ts'
import { type Counters, createCounters } from './counters.ts'
import { Drain } from './drain.ts'
import { Holders, holderOf, type Renewal } from './holders.ts'
import { Pump } from './pump.ts'
import { end, retry } from './signals.ts'
import type { Sink } from './sink.ts'
import { Stream, type StreamParts, type StreamSettings } from './stream.ts'
import { TimingWheel } from './timing-wheel.ts'

export interface StreamsSettings extends StreamSettings, AdmissionLimits {
  /** Length of the pump's turns. */
  readonly turnMs: number
}

/** What streams share with those of other threads. Alone, a thread's own. */
export interface Shared {
  readonly admission: Admission
  /** Renews streams of other threads; how many there were. */
  readonly renewElsewhere: (renewal: Renewal) => Promise<number>
}

export interface StreamRequest {
  readonly topic: Topic
  readonly sink: Sink
  readonly session: Session
  /** Path without query: what a renewal is for. */
  readonly path: string
  readonly signals: boolean
  /** Its place within the limits, which it gives back when it is over. */
  readonly admitted: Admitted
  readonly requested: RequestedBeginning
}

/** Reconnection time told at the start of each stream, in ms: apart by chance, so that clients do not come back as one. */
const RETRY_MS = { min: 1000, max: 5000 }
/** The same for a client that is turned away, by a stream's `retry` or by an answer's Retry-After. */
export const RETRY_BUSY_MS = { min: 5000, max: 30_000 }
/** Share of the drain time over which the ends are spread; the rest is for the last bytes to arrive. */
const DRAIN_SPREAD = 0.8
const DRAIN_STEP_MS = 50

export class Streams {
  readonly figures: Counters = createCounters()
  private readonly settings: StreamsSettings
  private readonly shared: Shared
  private readonly clock: Clock
  private readonly pump: Pump
  private readonly wheel: TimingWheel<Stream>
  private readonly holders = new Holders()
  /** Set by `drain`: from then on no stream opens. */
  isDraining = false
  /** Called when the last stream closes. */
  private readonly emptied = new Set<() => void>()
  /** What Kafka answers to all streams of a topic. */
  private readonly answers = new Map<Topic, SharedAnswer<PartitionWatermarks>>()
  private readonly closing = new AbortController()

  constructor(settings: StreamsSettings, shared?: Shared, clock: Clock = SYSTEM_CLOCK) {
    this.settings = settings
    this.shared = shared ?? { admission: new CountedAdmission(settings), renewElsewhere: async () => 0 }
    this.clock = clock
    this.pump = new Pump(settings.turnMs, clock)
    this.wheel = new TimingWheel({
      clock,
      onDue: (stream, nowMs) => stream.due(nowMs),
      onWork: () => this.pump.hasten(this.wheel),
    })
  }

  /** Why no stream can be opened from this address now; null if one can. */
  async refusal(address: string): Promise<'draining' | 'busy' | null> {
    if (this.isDraining) return 'draining'
    return (await this.shared.admission.hasRoom(address)) ? null : 'busy'
  }

  /**
   * A place for a stream of this holder, for `open` in the same turn, or to be released; null where the holder has as many as it
   * may, or where a drain has begun meanwhile, which ends only what is open by then.
   */
  async admit(address: string, session: Session): Promise<Admitted | null> {
    const admitted = await this.shared.admission.admit(address, holderOf(session))
    if (!this.isDraining) return admitted
    admitted?.release()
    return null
  }

  open(request: StreamRequest): Stream {
    const { topic, requested, sink, session, signals, admitted } = request
    const parts: StreamParts = {
      topic,
      answers: this.answersOf(topic),
      sink,
      session,
      signals,
      pump: this.pump,
      wheel: this.wheel,
      counters: this.figures,
      settings: this.settings,
      clock: this.clock,
      onClosed: (closed) => this.closed(closed, admitted),
    }
    const stream = new Stream(parts, requested)
    this.holders.add(stream, request.path)
    stream.open(between(RETRY_MS))
    return stream
  }

  /** Tells a client to come back later, in the one way after which a browser's EventSource does: a 200 that ends. */
  turnAway(sink: Sink, signals: boolean): void {
    this.figures.streamsEnded.busy++
    sink.end(Buffer.concat([retry(between(RETRY_BUSY_MS)), end('busy', signals)]))
  }

  /** Renews every open stream that this session may, in whichever thread; resolves with how many there are. */
  async renew(renewal: Renewal): Promise<number> {
    const renewed = this.renewHere(renewal)
    return renewed + (await this.shared.renewElsewhere(renewal))
  }

  /** See `Holders.renewable`. */
  renewHere(renewal: Renewal): number {
    const streams = this.holders.renewable(renewal)
    for (const stream of streams) stream.renew(renewal.session)
    this.figures.renewals += streams.length
    return streams.length
  }

  /** Counts an answer other than a stream, by its error's code; codes that are not ours count as one. */
  countRefusal(code: string | undefined): void {
    const { refusals } = this.figures
    const name = code?.startsWith('FKS_') ? code : 'other'
    refusals[name] = (refusals[name] ?? 0) + 1
  }

  /** Opens no more, and ends those that are open, spread over most of `withinMs`; resolves when none is left. */
  async drain(withinMs: number): Promise<void> {
    this.isDraining = true
    const drain = new Drain([...this.holders.all()], this.clock.nowMs(), withinMs * DRAIN_SPREAD)
    while (!drain.isDone) {
      this.pump.hasten(drain)
      await new Promise((resolve) => setTimeout(resolve, DRAIN_STEP_MS))
    }
    await this.whenEmpty()
    await this.pump.settled()
  }

  /** Calls at once, or, while streams have to end or other deadlines are due, behind those: for what tells of an end. */
  afterDeadlines(call: () => void): void {
    this.pump.afterUrgent(call)
  }

  /** Ends all at once; resolves when none is left. */
  async close(): Promise<void> {
    await this.drain(0)
    this.pump.close()
    this.closing.abort()
  }

  private answersOf(topic: Topic): SharedAnswer<PartitionWatermarks> {
    const known = this.answers.get(topic)
    if (known) return known
    const made = new SharedAnswer(
      () => topic.watermarks(this.closing.signal),
      (question) => this.pump.hasten({ step: () => question.tellNext() }),
    )
    this.answers.set(topic, made)
    return made
  }

  private whenEmpty(): Promise<void> {
    if (this.holders.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.emptied.add(resolve))
  }

  private closed(stream: Stream, admitted: Admitted): void {
    admitted.release()
    this.holders.remove(stream)
    if (this.holders.size > 0) return
    for (const resolve of this.emptied) resolve()
    this.emptied.clear()
  }
}

/** A time in the range, by chance. */
export function between({ min, max }: { min: number; max: number }): number {
  return min + Math.random() * (max - min)
}
