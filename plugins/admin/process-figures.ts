// The figures of a whole process for metrics and status. Heaps are added up over all threads. The event loop delay is
// the longest of any thread. Connections are those of the threads that serve clients: the workers, if there are any.

import type { Delay, EventLoopDelay } from '../../src/admin/event-loop-delay.ts'
import type { ConnectionFigures } from '../../src/http/connection.ts'
import type { ServedCertificate } from '../../src/http/served-certificate.ts'

/** Figures of all workers together. */
export interface WorkerPoolFigures {
  readonly workers: number
  /** Workers that ended without being stopped. */
  readonly deaths: number
  readonly connections: ConnectionFigures
  readonly heapUsedBytes: number
  /** The longest of all workers. */
  delay(): Delay
}

export interface ProcessFigures {
  readonly workerPool: WorkerPoolFigures | undefined
  /** null where connections are not counted. */
  connections(): ConnectionFigures | null
  /** The longest of all threads. */
  delay(): Delay
  heapUsedBytes(): number
  /** undefined where the host listens. */
  readonly served: Pick<ServedCertificate, 'endMs'> | undefined
}

export interface ProcessFigureSources {
  readonly connections?: ConnectionFigures | undefined
  readonly workerPool?: WorkerPoolFigures | undefined
  readonly served?: Pick<ServedCertificate, 'endMs'> | undefined
}

export function figuresOfProcess(
  delay: EventLoopDelay,
  { connections, workerPool, served }: ProcessFigureSources,
): ProcessFigures {
  return {
    workerPool,
    served,
    connections: () => workerPool?.connections ?? connections ?? null,
    delay: () => later(delay.read(), workerPool?.delay()),
    heapUsedBytes: () => process.memoryUsage().heapUsed + (workerPool?.heapUsedBytes ?? 0),
  }
}

function later(one: Delay, other: Delay = one): Delay {
  const { p50, p99, max } = one
  return { p50: Math.max(p50, other.p50), p99: Math.max(p99, other.p99), max: Math.max(max, other.max) }
}
