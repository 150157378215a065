// Metrics of the open streams, and of what was refused.

import type { Parts } from '../../src/admin/readiness.ts'
import {
  BEGINNING_BOUNDS,
  DELIVERY_BOUNDS,
  RENEWAL_BOUNDS,
  type StreamTimes,
} from '../../src/histograms/stream-times.ts'
import { counter, counterBy, gauge, histogram, type Metric } from './metric.ts'
import { NO_REFUSALS, NO_REFUSED_CHECKS } from './unseen-refusals.ts'

export function streamMetrics(streams: Parts['streams']): Metric[] {
  return [
    gauge('kafka_sse_streams_open', 'Streams that are open', () => streams.figures.streamsOpen),
    counter(
      'kafka_sse_streams_opened_total',
      'Streams that were opened',
      () => streams.figures.streamsOpened,
    ),
    counterBy(
      'reason',
      'kafka_sse_streams_ended_total',
      'Streams that ended, and clients that were turned away as busy',
      () => streams.figures.streamsEnded,
    ),
    counter(
      'kafka_sse_delivered_records_total',
      'Records written to streams',
      () => streams.figures.recordsDelivered,
    ),
    counter(
      'kafka_sse_delivered_bytes_total',
      'Bytes of records written to streams',
      () => streams.figures.bytesDelivered,
    ),
    counter('kafka_sse_writes_total', 'Writes that carried records to streams', () => streams.figures.writes),
    counter('kafka_sse_challenges_total', 'Challenges sent', () => streams.figures.challenges),
    counter(
      'kafka_sse_challenges_missed_total',
      'Streams that expired because no answer to their challenge came',
      () => streams.figures.challengesMissed,
    ),
    counter('kafka_sse_renewals_total', 'Streams that were renewed', () => streams.figures.renewals),
    gauge(
      'kafka_sse_revocations',
      'Revocations that are remembered, and logout tokens that were used lately',
      () => streams.revocations.size,
    ),
    counterBy('reason', 'kafka_sse_gaps_total', 'Gaps that were sent to clients', () => streams.figures.gaps),
    counterBy('code', 'kafka_sse_refusals_total', 'Requests that were refused', () => ({
      ...NO_REFUSALS,
      ...streams.figures.refusals,
    })),
    counterBy(
      'check',
      'kafka_sse_token_refusals_total',
      'Tokens, also of logouts, tickets and sessions that were refused, by the check that failed',
      () => ({ ...NO_REFUSED_CHECKS, ...streams.figures.checks }),
    ),
    counterBy(
      'limit',
      'kafka_sse_rate_limited_total',
      'Requests that were refused because there were too many',
      () => streams.figures.limited,
    ),
    ...timeMetrics(() => streams.figures.times),
  ]
}

function timeMetrics(times: () => StreamTimes): Metric[] {
  return [
    histogram(
      'kafka_sse_delivery_seconds',
      "From a live record's timestamp until the connection has taken it: the oldest record of each write",
      DELIVERY_BOUNDS,
      () => times().delivery,
    ),
    histogram(
      'kafka_sse_first_record_seconds',
      'From the opening of a stream to its first record, or to the word that there is none',
      BEGINNING_BOUNDS,
      () => times().firstRecord,
    ),
    histogram(
      'kafka_sse_replay_seconds',
      'From the opening of a stream until all that it was owed from before is sent',
      BEGINNING_BOUNDS,
      () => times().replay,
    ),
    histogram(
      'kafka_sse_renewal_seconds',
      'From a challenge to the renewal that answers it',
      RENEWAL_BOUNDS,
      () => times().renewal,
    ),
  ]
}
