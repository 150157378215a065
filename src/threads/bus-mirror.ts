// A worker's view of a bus that the main thread writes. Bytes are shared memory; everything else comes by message.
// Promise: readers see no record beyond the last message, so that ids, tail and position match.

import { BusView } from '../bus/bus-view.ts'
import { formatEventId, parseEventId } from '../bus/event-id.ts'
import { Losses } from '../bus/losses.ts'
import type { PartitionLogs } from '../bus/partitions.ts'
import { EMPTY_POSITION, type Position } from '../bus/position.ts'
import { RouteReader } from '../routing/route-reader.ts'
import type { Selector } from '../routing/selector.ts'
import { SegmentView } from '../segments/segment-view.ts'
import type { BusUpdate, Extent, SharedSegment } from './bus-reporter.ts'

export class BusMirror extends BusView {
  private readonly thread: number
  private list: readonly SegmentView[] = []
  /** A list that arrives in parts; null if none is incomplete. */
  private coming: readonly SegmentView[] | null = null
  private sequence = 1
  private text = formatEventId(EMPTY_POSITION)
  /** `text` as a position; null until it is asked for. */
  private parsed: Position | null = EMPTY_POSITION
  override readonly routeReader: RouteReader
  override routeSeed = 0
  override logs: PartitionLogs = { starts: new Map(), readFrom: new Map(), ends: new Map() }

  /** `thread`: this thread's number, from 1; the main thread is 0. `selectors`: as the bus has them. */
  constructor(thread: number, selectors: readonly Selector[] = []) {
    super()
    this.thread = thread
    this.routeReader = new RouteReader(selectors)
  }

  override get segments(): readonly SegmentView[] {
    return this.list
  }

  override get nextSequence(): number {
    return this.sequence
  }

  override position(): Position {
    this.parsed ??= parseEventId(this.text) ?? EMPTY_POSITION
    return this.parsed
  }

  override positionText(): string {
    return this.text
  }

  /** Applies an update and wakes waiting readers. Partial updates are collected, and applied with the whole one. */
  receive(update: BusUpdate): void {
    const wasCaughtUp = this.caughtUp
    if (!update.isWhole) {
      this.coming = this.changed(update)
      return
    }
    const last = this.list.at(-1)
    if (this.coming === null && last !== undefined && update.tail !== null) grow(last, update.tail)
    this.list = this.changed(update)
    this.coming = null
    this.sequence = update.nextSequence
    this.routeSeed = update.routeSeed
    if (update.position !== this.text) this.parsed = null
    this.text = update.position
    this.caughtUp = update.caughtUp
    this.wasRecreated = update.wasRecreated
    this.recreatedAt = update.recreatedAt
    this.startedOverAt = update.startedOverAt
    if (update.logs !== null) this.logs = update.logs
    if (update.losses !== null) this.losses = new Losses(update.losses)
    if (update.skipped !== null) this.skipped = update.skipped
    this.wake()
    if (this.caughtUp && !wasCaughtUp) this.tellCaughtUp()
  }

  /** The list after this update. */
  private changed({ pieces }: BusUpdate): readonly SegmentView[] {
    const list = this.coming ?? this.list
    if (pieces === null) return list
    const stretches = pieces.map((piece) =>
      'added' in piece
        ? piece.added.map((segment) => this.view(segment))
        : list.slice(piece.from, piece.from + piece.count),
    )
    return stretches.length === 1 ? (stretches[0] ?? []) : ([] as SegmentView[]).concat(...stretches)
  }

  private view(segment: SharedSegment): SegmentView {
    const view = new SegmentView(segment.shared, this.thread)
    view.generation = segment.generation
    view.firstSequence = segment.firstSequence
    view.rewrittenAt = segment.rewrittenAt
    grow(view, segment)
    return view
  }
}

function grow(view: SegmentView, { lastSequence, lastPublished, newestTimestampMs, endId }: Extent): void {
  view.lastSequence = lastSequence
  view.lastPublished = lastPublished
  view.newestTimestampMs = newestTimestampMs
  view.endId = endId
}
