// What a client of the resume model has over all its connections: an id, and a ledger of what came with it.

import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser'
import { parseEventId } from '../../src/bus/event-id.ts'
import type { Keeps } from '../../src/bus/record.ts'
import { Ledger } from './ledger.ts'
import type { Log } from './log.ts'
import type { Selection } from './selection.ts'

/** The id that comes with a gap: of a client that has nothing. */
export const NOTHING_YET = 'AQA='

export class Possession {
  id = ''
  protected readonly keeps: Keeps
  protected readonly selection: Selection
  /** null if its id is of a deleted topic, and was taken for one of the present topic. */
  protected ledger: Ledger | null = null
  /** The topic that its stream is of. */
  protected logs: readonly Log[] = []
  /** Of this connection, because it keeps what was cut off. */
  private reader: EventSourceParser | null = null
  private readonly sent: EventSourceMessage[] = []

  constructor(keeps: Keeps, selection: Selection) {
    this.keeps = keeps
    this.selection = selection
  }

  /** Next offset of a partition, by what it was told. */
  nextOf(partition: number): number {
    return this.ledger?.nextOf(partition) ?? Number.POSITIVE_INFINITY
  }

  protected newLedger(logs: readonly Log[]): Ledger {
    return new Ledger(logs, this.keeps, this.selection)
  }

  protected take(bytes: Uint8Array): void {
    this.reader ??= createParser({ onEvent: (event) => this.sent.push(event) })
    // Not by StreamReader and its decoder, which cost more: everything here is ASCII.
    this.reader.feed(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'))
    for (const { id = '', event, data } of this.sent.splice(0)) {
      this.ledger?.take(positionOf(id), event, data)
      this.id = id
    }
  }

  /** The part of an event that came is lost with its connection. */
  protected cutOff(): void {
    this.reader = null
  }

  /** Its id is of another topic: it begins with nothing, or tries the id there. */
  protected changeTopic(isForgetful: boolean): void {
    if (isForgetful || !hasSomething(this.id)) this.forget()
    this.ledger = null
  }

  protected forget(): void {
    this.id = ''
    this.ledger = null
  }
}

/** Whether the id is of a client that has something. */
export function hasSomething(id: string): boolean {
  return id !== '' && id !== NOTHING_YET
}

export function positionOf(id: string) {
  const position = parseEventId(id)
  if (position === null) throw new Error(`not an id: ${id}`)
  return position
}
