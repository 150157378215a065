// A bus that another thread writes, as this thread sees it: what it was told, and not a record more, so that ids, tail and
// position belong together. The bytes are shared; who reads them counts itself in.

import { BusView } from '../bus-view.ts'
import { Losses } from '../losses.ts'
import { formatPosition, type Position, parsePosition } from '../position.ts'
import { SegmentView } from '../segment-view.ts'
import type { BusNews, Extent, SegmentNews } from './bus-news.ts'

const NOWHERE: Position = new Map()

export class BusMirror extends BusView {
  private readonly reader: number
  private list: readonly SegmentView[] = []
  private sequence = 1
  private text = formatPosition(NOWHERE)
  /** `text`, read when asked for. */
  private parsed: Position | null = NOWHERE
  private starts: ReadonlyMap<number, number> = new Map()

  /** `reader`: number of this thread among those that read. */
  constructor(reader: number) {
    super()
    this.reader = reader
  }

  override get segments(): readonly SegmentView[] {
    return this.list
  }

  override get nextSequence(): number {
    return this.sequence
  }

  override position(): Position {
    this.parsed ??= parsePosition(this.text) ?? NOWHERE
    return this.parsed
  }

  override positionText(): string {
    return this.text
  }

  override start(partition: number): number | undefined {
    return this.starts.get(partition)
  }

  /** Takes over what the reporter has found, and wakes who waits. */
  receive(news: BusNews): void {
    const wasCaughtUp = this.caughtUp
    this.replace(news)
    this.sequence = news.nextSequence
    if (news.position !== this.text) this.parsed = null
    this.text = news.position
    this.caughtUp = news.caughtUp
    this.wasRecreated = news.wasRecreated
    this.recreatedAt = news.recreatedAt
    if (news.starts !== null) this.starts = news.starts
    if (news.losses !== null) this.losses = new Losses(news.losses)
    this.wake()
    if (this.caughtUp && !wasCaughtUp) this.tellCaughtUp()
  }

  private replace({ kept, removed, added, tail }: BusNews): void {
    const last = this.list.at(-1)
    if (last !== undefined && tail !== null) grow(last, tail)
    if (removed === 0 && added.length === 0) return
    const views = added.map((segment) => this.view(segment))
    this.list = [...this.list.slice(0, kept), ...views, ...this.list.slice(kept + removed)]
  }

  private view(segment: SegmentNews): SegmentView {
    const view = new SegmentView(segment.shared, this.reader)
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
