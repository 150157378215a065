// Reads the control topic with the process's source of records, in place of a bus: it keeps no records, and hands each
// to the control log. Promise: it has read a partition no further than it has handed over.

import type { KafkaRecord, Watermarks } from '../../../src/bus/record.ts'
import type { ControlFigures } from '../../../src/control/control-figures.ts'
import type { ControlLog } from '../../../src/control/control-log.ts'
import type { RecordWriter } from '../following/topic-feed.ts'
import { ControlLag } from './control-lag.ts'

export class ControlReading implements RecordWriter {
  /** No record deletes another one, so none can be missed. */
  readonly missed = null
  private readonly log: ControlLog
  private readonly figures: Pick<ControlFigures, 'lag'>
  private readonly onBatch: () => void
  private readonly lag = new ControlLag()

  /** `onBatch`: a batch was handed over. */
  constructor(log: ControlLog, figures: Pick<ControlFigures, 'lag'>, onBatch: () => void) {
    this.log = log
    this.figures = figures
    this.onBatch = onBatch
  }

  setPartition(partition: number, start: number): void {
    this.lag.noteNext(partition, start)
    this.log.heartbeats.add(partition)
  }

  append(record: KafkaRecord): void {
    this.lag.noteNext(record.partition, record.offset + 1)
    this.log.append(record)
  }

  readFrom(marks: ReadonlyMap<number, Watermarks>): Map<number, number> {
    return new Map([...marks].map(([partition, { start }]) => [partition, start]))
  }

  publish(): void {
    this.figures.lag = this.lag.records
    this.onBatch()
  }

  recreate(): void {
    this.lag.clear()
    this.log.recreate()
  }

  startOver(): void {
    this.recreate()
  }

  /** Partitions whose leaders are silent count, too: their heartbeats do not come back before these answer. */
  markCaughtUp(): void {
    this.log.heartbeats.complete()
    this.onBatch()
  }

  advance(partition: number, next: number): void {
    this.lag.noteNext(partition, next)
  }

  noteEnd(partition: number, end: number): void {
    this.lag.noteEnd(partition, end)
    this.figures.lag = this.lag.records
  }

  trim(partition: number, start: number): void {
    this.log.copies.noteStart(partition, start)
  }

  skip(): void {}

  maintain(): boolean {
    return false
  }
}
