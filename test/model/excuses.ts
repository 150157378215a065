// What a client of the resume tests need not get: records that were gone when it began to read of them.

import { furthest, type Position } from '../../src/bus/position.ts'
import type { KafkaRecord } from '../../src/bus/record.ts'
import type { Log } from './log.ts'
import type { Server } from './server.ts'

type Says = (record: KafkaRecord) => boolean

export class Excuses {
  /** Records that were gone already when it began to read of them. */
  isExcused: Says = () => false
  /** The same, but for those whose loss ends its stream all the same. */
  wasGone: Says = () => false
  private readonly logs: readonly Log[]

  constructor(logs: readonly Log[]) {
    this.logs = logs
  }

  /** What this server lacks of what it has read, in partitions of which the client has nothing. */
  of(server: Server, isOfNothing = (_partition: number) => true): void {
    const { has, position } = server.holdings()
    const excused = new Set([...position.keys()].filter(isOfNothing))
    this.isExcused = (record) =>
      excused.has(record.partition) && record.offset < (position.get(record.partition) ?? 0) && !has(record)
    this.wasGone = this.isExcused
  }

  /** The same again, for one that has been sent nothing yet; `endsNobody`: what is gone by now ends no stream. */
  begin(server: Server, endsNobody: boolean): void {
    const { wasGone } = this
    this.of(server)
    if (!endsNobody) this.wasGone = wasGone
  }

  /** It was there at the request: if it is gone by now, the stream ends. */
  forgiveNoLoss(): void {
    this.wasGone = () => false
  }

  /**
   * Where the first record since its moment is gone by now, another one may be found. Returns the floor from then on.
   */
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
