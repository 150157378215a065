// What a client of the resume model need not get: records that were gone when it began to read.

import { furthest, type Position } from '../../src/bus/position.ts'
import type { KafkaRecord } from '../../src/bus/record.ts'
import type { Log } from './log.ts'
import type { Server } from './server.ts'

type Says = (record: KafkaRecord) => boolean

export class Excuses {
  /** Records that were gone already when it began to read of them. */
  isExcused: Says = () => false
  /** The same, except those whose loss still ends its stream. */
  wasGone: Says = () => false
  private readonly logs: readonly Log[]

  constructor(logs: readonly Log[]) {
    this.logs = logs
  }

  /** What this server has read and lost, in partitions of which the client has nothing. */
  of(server: Server, isOfNothing = (_partition: number) => true): void {
    const { has, position } = server.holdings()
    const excused = new Set([...position.keys()].filter(isOfNothing))
    this.isExcused = (record) =>
      excused.has(record.partition) && record.offset < (position.get(record.partition) ?? 0) && !has(record)
    this.wasGone = this.isExcused
  }

  /**
   * The same, for a client that has got nothing yet. `endsNoStream`: what is gone by now ends no stream. Else nothing
   * may be gone that came after the request, at `asOf`.
   */
  begin(server: Server, endsNoStream: boolean, asOf: Position | null): void {
    const { isExcused: before, wasGone } = this
    this.of(server)
    if (endsNoStream) return
    this.wasGone = wasGone
    if (asOf === null) return
    const { isExcused } = this
    this.isExcused = (record) =>
      record.offset < (asOf.get(record.partition) ?? 0) ? isExcused(record) : before(record)
  }

  /** It was there at the request: if it is gone by now, the stream ends. */
  forgiveNoLoss(): void {
    this.wasGone = () => false
  }

  /** If the first record since its moment is gone by now, a later one may be found. Returns the new floor. */
  before(from: Position, floor: Position, server: Server): Position {
    const { isExcused } = this
    const { has } = server.holdings()
    const isFirstGone = (partition: number) => {
      const first = this.logs[partition]?.written.get(floor.get(partition) ?? 0)
      return first !== undefined && !has(first)
    }
    const moved = furthest(floor, new Map([...from].filter(([partition]) => isFirstGone(partition))))
    this.isExcused = (record) => isExcused(record) || record.offset < (moved.get(record.partition) ?? 0)
    return moved // at servers that it goes on at, too
  }
}
