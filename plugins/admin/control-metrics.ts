// The metrics of the control topic. Left out where there is none.

import type { Parts } from '../../src/admin/readiness.ts'
import { counter, counterBy, gauge, type Metric } from './metric.ts'

export function controlMetrics({ control }: Pick<Parts, 'control'>): Metric[] {
  if (control === null) return []
  const { figures } = control
  return [
    gauge(
      'kafka_sse_control_blind_in_seconds',
      'Time after which new streams are refused unless a heartbeat of this process comes back before',
      () => control.state().blindInMs / 1000,
    ),
    gauge(
      'kafka_sse_control_lag_records',
      'Offsets of the control topic that are not read yet, by the ends that Kafka told last',
      () => figures.lag,
    ),
    counterBy(
      'op',
      'kafka_sse_control_records_total',
      'Records of the control topic that were read, and were written by a replica',
      () => figures.read,
    ),
    counterBy(
      'reason',
      'kafka_sse_control_passed_over_total',
      'Records of the control topic that were passed over',
      () => figures.passedOver,
    ),
    counterBy(
      'op',
      'kafka_sse_control_unwritten_total',
      'Records that Kafka did not take for the control topic',
      () => figures.unwritten,
    ),
    counter(
      'kafka_sse_control_renewals_dropped_total',
      'Renewals by other replicas that a busy worker was not told of',
      () => figures.renewalsDropped,
    ),
  ]
}
