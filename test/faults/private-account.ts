// What a private stream was sent, compared with what it must get, record by record and id by id: every record of its
// own once and in order, nothing of others, and no id that says more or less than what came with it.

import { keyOf, PARTITIONS, valueText } from './private-course.mjs'
import type { OwnEvent } from './private-shapes.ts'

const AT = /"at":"(\d+):(\d+)"/

export interface PrivateAccountOptions {
  /** By partition, in ascending order of offsets. */
  readonly events: readonly (readonly OwnEvent[])[]
  /** Whether superseded records may be left out. */
  readonly isLatest: boolean
  /** How many records may have been written by now. Only these can supersede others. */
  readonly written: () => number
}

export class PrivateAccount {
  /** Records and deletes that came, whether or not they should have. */
  received = 0
  deletes = 0
  /** Records and deletes that are not this stream's. */
  ofOthers = 0
  /** The stream's own that did not come. */
  lost = 0
  /** Came again, or after an id that said that they had come. */
  twice = 0
  wrongIds = 0
  /** Superseded ones that were left out. */
  passedOver = 0
  private readonly options: PrivateAccountOptions
  /** By partition: which event is due next, and what the last id said. */
  private readonly due = new Array<number>(PARTITIONS).fill(0)
  private readonly told = new Array<number>(PARTITIONS).fill(0)
  /** Orders that the client has. */
  private readonly held = new Set<number>()

  constructor(options: PrivateAccountOptions) {
    this.options = options
  }

  /** The client has nothing any more, and is owed everything. */
  forget(): void {
    this.due.fill(0)
    this.told.fill(0)
    this.held.clear()
  }

  /** `position`: what its id says. Returns what is wrong, in words. */
  takeValue(text: string, position: readonly number[]): string[] {
    const [, partition, offset] = AT.exec(text) ?? []
    const event = this.find(Number(partition), Number(offset))
    if (event?.kind === 'value' && valueText(event.record) === text) return this.take(event, position)
    return this.refuse(`got ${JSON.stringify(text)}, which is not its own`)
  }

  /** Of the key that is `order`. A delete says nothing else, so its id tells which record it is. */
  takeDelete(order: string, position: readonly number[]): string[] {
    this.deletes++
    const partition = Number(order.slice(1)) % PARTITIONS
    const offset = (position[partition] ?? 0) - 1
    const event = this.find(partition, offset)
    if (event?.kind === 'delete' && keyOf(event.record.order) === order) return this.take(event, position)
    return this.refuse(`got a delete of ${order} at ${partition}:${offset}, which is not its own`)
  }

  /** An id without a record: everything before it has come. */
  takeId(position: readonly number[]): string[] {
    const faults: string[] = []
    for (const [partition, offset] of position.entries()) {
      const told = this.told[partition] ?? 0
      if (offset < told) faults.push(this.tellWrongId(`goes back from ${told} to ${offset} in ${partition}`))
      this.told[partition] = Math.max(told, offset)
      faults.push(...this.passOver(partition, offset))
    }
    return faults
  }

  /** What has not come and is not superseded, in words. */
  missing(): string[] {
    return this.options.events.flatMap((events, partition) =>
      events
        .slice(this.due[partition])
        .filter((event) => !this.mayBeLeftOut(event))
        .map((event) => describe(event)),
    )
  }

  private find(partition: number, offset: number): OwnEvent | undefined {
    const events = this.options.events[partition]
    const next = events?.[this.due[partition] ?? 0]
    if (next?.record.offset === offset) return next
    return events?.find(({ record }) => record.offset === offset)
  }

  private take(event: OwnEvent, position: readonly number[]): string[] {
    const { partition, offset, order } = event.record
    this.received++
    const due = this.due[partition] ?? 0
    const index = this.options.events[partition]?.indexOf(event, Math.max(0, due)) ?? -1
    if (index === -1) {
      this.twice++
      return [`got ${describe(event)} again, or after an id that is behind it`, ...this.takeId(position)]
    }
    const faults = this.passOver(partition, offset)
    this.due[partition] = index + 1
    if (event.kind === 'value') this.held.add(order)
    else this.held.delete(order)
    const says = position[partition]
    if (says !== offset + 1) faults.push(this.tellWrongId(`of ${describe(event)} says ${says}`))
    return [...faults, ...this.takeId(position)]
  }

  /** Nothing before `offset` will come any more. */
  private passOver(partition: number, offset: number): string[] {
    const faults: string[] = []
    const events = this.options.events[partition] ?? []
    let due = this.due[partition] ?? 0
    for (
      let event = events[due];
      event !== undefined && event.record.offset < offset;
      event = events[++due]
    ) {
      if (this.mayBeLeftOut(event)) this.passedOver++
      else {
        this.lost++
        this.held.delete(event.record.order) // told once
        faults.push(`did not get ${describe(event)} before ${partition}:${offset}`)
      }
    }
    this.due[partition] = due
    return faults
  }

  private mayBeLeftOut({ record, isLeaving, supersededBy }: OwnEvent): boolean {
    if (!this.options.isLatest) return false
    return supersededBy < this.options.written() || (isLeaving && !this.held.has(record.order))
  }

  private refuse(fault: string): string[] {
    this.received++
    this.ofOthers++
    return [fault]
  }

  private tellWrongId(fault: string): string {
    this.wrongIds++
    return `an id ${fault}`
  }
}

function describe({ kind, isLeaving, record: { partition, offset, order } }: OwnEvent): string {
  return `the ${isLeaving ? 'leaving' : kind} of ${keyOf(order)} at ${partition}:${offset}`
}
