// What is measured of streams, each as a histogram of seconds.

import { createHistogram, type Histogram } from './histogram.ts'

/** From a millisecond to a minute: a record to a client that keeps up, and one to a client that does not. */
export const DELIVERY_BOUNDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]
/** A snapshot of a small topic, and a million records to a slow client. */
export const BEGINNING_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
/** Clients have `CHALLENGE_SECONDS` (10) to answer unless set otherwise. */
export const RENEWAL_BOUNDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 7.5, 10, 20, 30, 60]

export interface StreamTimes {
  readonly delivery: Histogram
  readonly firstRecord: Histogram
  readonly replay: Histogram
  readonly renewal: Histogram
}

export function createStreamTimes(): StreamTimes {
  return {
    delivery: createHistogram(DELIVERY_BOUNDS),
    firstRecord: createHistogram(BEGINNING_BOUNDS),
    replay: createHistogram(BEGINNING_BOUNDS),
    renewal: createHistogram(RENEWAL_BOUNDS),
  }
}
