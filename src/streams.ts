// Every open stream of the process: opened within limits, renewed, counted, and ended together when the process goes.

import { createFigures, type Figures } from './figures.ts'
import { Pump } from './pump.ts'
import { Registry } from './registry.ts'
import type { Session } from './session.ts'
import { end, retry } from './signals.ts'
import type { Sink } from './sink.ts'
import { FROM_BEGINNING, start, type Wish } from './start.ts'
import { Stream, type StreamSettings } from './stream.ts'
import type { Topic } from './topic.ts'
import { Wheel } from './wheel.ts'

export interface StreamsSettings extends StreamSettings {
  readonly streamsMax: number
  readonly streamsPerSubjectMax: number
  readonly streamsPerAddressMax: number
}

export interface StreamRequest {
  readonly topic: Topic
  readonly sink: Sink
  readonly session: Session
  /** Path without query: what a renewal is for. */
  readonly path: string
  readonly address: string
  readonly signals: boolean
  readonly wish: Wish
}

/** Reconnection time told at the start of each stream, in ms: apart by chance, so that clients do not come back as one. */
const RETRY_MS = { min: 1000, max: 5000 }
/** The same for a client that is turned away. */
const RETRY_BUSY_MS = { min: 5000, max: 30_000 }
/** Share of the drain time over which the ends are spread; the rest is for the last bytes to arrive. */
const DRAIN_SPREAD = 0.8
const DRAIN_STEP_MS = 50

export class Streams {
  readonly figures: Figures = createFigures()
  private readonly settings: StreamsSettings
  private readonly now: () => number
  private readonly pump = new Pump()
  private readonly wheel: Wheel<Stream>
  private readonly registry = new Registry()
  /** Set by `drain`: from then on no stream opens. */
  isDraining = false
  /** Called when the last stream closes. */
  private readonly emptied = new Set<() => void>()

  constructor(settings: StreamsSettings, now: () => number = Date.now) {
    this.settings = settings
    this.now = now
    this.wheel = new Wheel((stream) => this.pump.hasten(() => stream.due()), now)
  }

  /** Why no stream can be opened from this address now; null if one can. */
  refusal(address: string): 'draining' | 'busy' | null {
    if (this.isDraining) return 'draining'
    const { streamsMax, streamsPerAddressMax } = this.settings
    const isBusy =
      this.registry.size >= streamsMax || this.registry.countOfAddress(address) >= streamsPerAddressMax
    return isBusy ? 'busy' : null
  }

  /** Whether this holder has as many streams open as it may. */
  isAtLimit(session: Session): boolean {
    return this.registry.countOfHolder(session) >= this.settings.streamsPerSubjectMax
  }

  open(request: StreamRequest): Stream {
    const { topic, sink, session, signals } = request
    const stream = new Stream({
      bus: topic.bus,
      sink,
      session,
      signals,
      pump: this.pump,
      wheel: this.wheel,
      figures: this.figures,
      settings: this.settings,
      now: this.now,
      onRecreated: (recreated) => start(recreated, topic, FROM_BEGINNING),
      onClosed: this.closed,
    })
    this.registry.add(stream, request.path, request.address)
    stream.open(between(RETRY_MS))
    start(stream, topic, request.wish)
    return stream
  }

  /** Tells a client to come back later, in the one way after which a browser's EventSource does: a 200 that ends. */
  turnAway(sink: Sink, signals: boolean): void {
    this.figures.streamsEnded.busy++
    sink.end(Buffer.concat([retry(between(RETRY_BUSY_MS)), end('busy', signals)]))
  }

  /** Renews every open stream that this session may; returns how many there are. See `Registry.renewable`. */
  renew(path: string, session: Session, previousDigest: string | null): number {
    const streams = this.registry.renewable(path, session, previousDigest)
    for (const stream of streams) stream.renew(session)
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
    const steps = Math.max(1, Math.floor((withinMs * DRAIN_SPREAD) / DRAIN_STEP_MS))
    const streams = [...this.registry.all()]
    const perStep = Math.ceil(streams.length / steps)
    for (let first = 0; first < streams.length; first += perStep) {
      for (const stream of streams.slice(first, first + perStep)) stream.end('shutdown')
      if (first + perStep < streams.length) await new Promise((resolve) => setTimeout(resolve, DRAIN_STEP_MS))
    }
    await this.whenEmpty()
  }

  /** Ends all at once; resolves when none is left. */
  async close(): Promise<void> {
    await this.drain(0)
    this.pump.close()
  }

  private whenEmpty(): Promise<void> {
    if (this.registry.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.emptied.add(resolve))
  }

  private readonly closed = (stream: Stream): void => {
    this.registry.remove(stream)
    if (this.registry.size > 0) return
    for (const resolve of this.emptied) resolve()
    this.emptied.clear()
  }
}

function between({ min, max }: { min: number; max: number }): number {
  return min + Math.random() * (max - min)
}
