// How many cores this process may use: those it sees, or fewer where its cgroup is given less time.

import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** cgroup v2: `quota period` in microseconds, or `max period`. */
const CPU_MAX_FILE = '/sys/fs/cgroup/cpu.max'

/** At least 1. availableParallelism knows of CPU affinity, and nothing of a cgroup's quota. */
export function cores(read: () => string = () => readFileSync(CPU_MAX_FILE, 'latin1')): number {
  return Math.max(1, Math.min(availableParallelism(), quota(read)))
}

function quota(read: () => string): number {
  try {
    const [quotaMicros, periodMicros] = read().trim().split(' ').map(Number)
    const share = Math.floor((quotaMicros ?? Number.NaN) / (periodMicros ?? Number.NaN))
    return Number.isNaN(share) ? Number.POSITIVE_INFINITY : share
  } catch {
    return Number.POSITIVE_INFINITY // no cgroup v2: no quota that we could know of
  }
}
