// What the streams of one topic share: Kafka's answers to their questions, and what tells those that select of records
// that came. Promise: a topic that was forgotten is referred to no more.

import type { BusView } from '../../bus/bus-view.ts'
import type { PartitionWatermarks } from '../../bus/record.ts'
import { SharedAnswer } from '../../bus/shared-answer.ts'
import type { Topic } from '../../bus/topic.ts'
import { SelectedRecords } from '../../cursor/cursors.ts'
import { RouteSubscriptions } from '../../cursor/route-subscriptions.ts'
import type { RouteCondition } from '../../selection/selection.ts'
import type { Pump } from '../pump.ts'
import type { ReadingSelection } from '../reading.ts'

export class SharedReadings {
  private readonly pump: Pump
  private readonly answers = new Map<Topic, SharedAnswer<PartitionWatermarks>>()
  /** One for each bus that has streams that select. */
  private readonly subscriptions = new Map<BusView, RouteSubscriptions>()
  /** Ends the subscription to publishes of each of these buses. */
  private readonly stops = new Map<BusView, () => void>()
  private readonly closing = new AbortController()

  constructor(pump: Pump) {
    this.pump = pump
  }

  answersOf(topic: Topic): SharedAnswer<PartitionWatermarks> {
    const known = this.answers.get(topic)
    if (known) return known
    const made = new SharedAnswer(
      () => topic.watermarks(this.closing.signal),
      (question) => this.pump.addUrgent({ step: () => question.tellNext() }),
    )
    this.answers.set(topic, made)
    return made
  }

  selectionOf({ bus }: Topic, conditions: readonly RouteCondition[]): ReadingSelection {
    const subscriptions = this.subscriptionsOf(bus)
    return { records: new SelectedRecords(bus, conditions, subscriptions), subscriptions }
  }

  /** Forgets a topic that was closed. No stream of it is open. */
  forget(topic: Topic): void {
    const { bus } = topic
    this.answers.delete(topic)
    this.subscriptions.delete(bus)
    this.stops.get(bus)?.()
    this.stops.delete(bus)
  }

  close(): void {
    for (const stop of this.stops.values()) stop()
    this.closing.abort()
  }

  private subscriptionsOf(bus: BusView): RouteSubscriptions {
    const known = this.subscriptions.get(bus)
    if (known !== undefined) return known
    const made = new RouteSubscriptions(bus)
    this.subscriptions.set(bus, made)
    const stop = bus.onPublish(() => this.pump.addUrgent(made))
    this.stops.set(bus, stop)
    return made
  }
}
