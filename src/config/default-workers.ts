// The default of WORKERS: one thread for each CPU core that this process may use, less one for the main thread.

import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { WORKERS_MAX } from './server-settings.ts'

/** cgroup v2: `QUOTA PERIOD` in microseconds, or `max PERIOD`. */
const CPU_MAX_FILE = '/sys/fs/cgroup/cpu.max'

/** 1 to WORKERS_MAX. One core is left to the main thread, which reads from Kafka. */
export function defaultWorkers(): number {
  return Math.max(1, Math.min(WORKERS_MAX, availableCores() - 1))
}

/** At least 1: `availableParallelism`, which respects CPU affinity, or the cgroup's quota if that is less. */
export function availableCores(read: () => string = () => readFileSync(CPU_MAX_FILE, 'latin1')): number {
  return Math.max(1, Math.min(availableParallelism(), quota(read)))
}

function quota(read: () => string): number {
  try {
    const [quotaMicros, periodMicros] = read().trim().split(' ').map(Number)
    const share = Math.floor((quotaMicros ?? Number.NaN) / (periodMicros ?? Number.NaN))
    return Number.isNaN(share) ? Number.POSITIVE_INFINITY : share
  } catch {
    return Number.POSITIVE_INFINITY // without cgroup v2 no quota can be read
  }
}
