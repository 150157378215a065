// A stream of the resume model that selects, as src/stream/reading.ts has it: while it waits it has to be told of each
// frame and each loss that concern it.

import type { SelectedRecords, StreamCursor } from '../../src/cursor/cursors.ts'
import type { Route } from '../../src/cursor/route.ts'
import type { RouteSubscriber, RouteSubscriptions } from '../../src/cursor/route-subscriptions.ts'
import { SelectedCursor } from '../../src/cursor/selected-cursor.ts'
import type { EntryAt } from '../../src/segments/segment-layout.ts'
import type { SegmentView } from '../../src/segments/segment-view.ts'

export class Subscriber implements RouteSubscriber {
  readonly records: SelectedRecords
  private readonly subscriptions: RouteSubscriptions
  private cursor: SelectedCursor | null = null
  private isSubscribed = false
  private wasTold = true

  constructor(records: SelectedRecords, subscriptions: RouteSubscriptions) {
    this.records = records
    this.subscriptions = subscriptions
  }

  get route(): Route {
    return this.records.route
  }

  frameCame(segment: SegmentView, at: EntryAt): void {
    if (this.cursor?.wakeAt(segment, at)) this.wasTold = true
  }

  busEmptied(): void {
    this.wasTold = true
  }

  recordsLost(): void {
    if (this.cursor?.noteLoss()) this.wasTold = true
  }

  begin(cursor: StreamCursor): void {
    if (!(cursor instanceof SelectedCursor)) throw new Error('it selects, and reads everything')
    if (!this.isSubscribed) this.subscriptions.add(this)
    this.isSubscribed = true
    this.cursor = cursor
    this.wasTold = true
    this.subscriptions.doubt(this, cursor.isDoubtful)
  }

  stop(): void {
    if (this.isSubscribed) this.subscriptions.remove(this)
    this.isSubscribed = false
    this.cursor = null
  }

  /** Whether frames have come that were not looked at yet. */
  get isBehind(): boolean {
    return this.isSubscribed && !this.subscriptions.isUpToDate
  }

  /** To be called before a read, once all that came was looked at: it has to know of all that concerns it. */
  expectTold(): void {
    const { cursor } = this
    if (cursor?.isWaiting && !this.wasTold && (cursor.isOutdated || cursor.lost))
      throw new Error('it waits, and was not told of what it has lost')
  }

  hasRead(): void {
    this.wasTold = false
  }
}
