// What is counted of the control topic, as plain numbers. plugins/admin shows them as metrics.

import type { ControlOp, PassedOver } from './control-record.ts'

export interface ControlFigures {
  /** Records that were read and were written by a replica, without those that a reader passes over unread. */
  readonly read: Record<ControlOp, number>
  readonly passedOver: Record<PassedOver, number>
  /** Records that Kafka was not told, or not in time. */
  readonly unwritten: Record<ControlOp, number>
  /** Renewals that a thread was not told, because it had not taken 10,000 others yet. */
  renewalsDropped: number
  /** Offsets up to the ends that Kafka last told, in all partitions together, that are not read yet. */
  lag: number
}

export function createControlFigures(): ControlFigures {
  const byOp = () => ({ renew: 0, revoke: 0, redeem: 0, alive: 0 })
  return {
    read: byOp(),
    passedOver: { size: 0, mac: 0, version: 0, op: 0, malformed: 0, expired: 0, revoked: 0 },
    unwritten: byOp(),
    renewalsDropped: 0,
    lag: 0,
  }
}
