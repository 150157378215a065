// A bus's options for tests: large, and with a hash that is the same in every run.

import type { BusOptions } from '../../src/bus/bus.ts'

export const BUS_OPTIONS: BusOptions = {
  encoding: 'text',
  keeps: 'latest',
  retainedBytesMax: 2 ** 30,
  retainedRecordsMax: 10_000_000,
  retainedMsMax: null,
  deleteRetentionMs: 86_400_000,
  seed: 7,
}
