// All metrics. docs/observing.md has the same table, and a test compares the two both ways. The number of label values
// is bounded: reasons and codes are ours, topics are configured or counted together.

import { Registry } from 'prom-client'
import { isLeaving, notReadyReasons, type Parts } from '../../src/admin/readiness.ts'
import { createConnectionFigures } from '../../src/http/connection-limits.ts'
import { buildMetrics } from './build-metrics.ts'
import { controlMetrics } from './control-metrics.ts'
import { keyMetrics } from './key-metrics.ts'
import { counter, counterBy, gauge, type Metric, register, samples } from './metric.ts'
import { partitionMetrics } from './partition-metrics.ts'
import type { ProcessFigures } from './process-figures.ts'
import { cpuSeconds } from './status.ts'
import { streamMetrics } from './stream-metrics.ts'
import { topicMetrics } from './topic-metrics.ts'

const NO_CONNECTIONS = createConnectionFigures()
/** Once, because a start that moves with the wall clock looks like a restart. */
const START_SECONDS = Math.round(Date.now() / 1000 - process.uptime())

export interface MetricsSources extends Parts {
  readonly wholeProcess: ProcessFigures
}

/** A separate registry, so that a host's metrics and ours stay apart. */
export function createRegistry(sources: MetricsSources): Registry {
  const registry = new Registry()
  for (const metric of allMetrics(sources)) register(registry, metric)
  return registry
}

export function allMetrics(sources: MetricsSources): Metric[] {
  return [...metricsOfParts(sources), ...metricsOfProcess(sources.wholeProcess)]
}

/** Those of one registration. */
export function metricsOfParts(parts: Parts): Metric[] {
  return [
    ...readinessMetrics(parts),
    ...streamMetrics(parts.streams),
    ...topicMetrics(parts.topics),
    ...partitionMetrics(parts.topics),
    ...keyMetrics(parts),
    ...controlMetrics(parts),
    ...buildMetrics(parts.topics),
  ]
}

/** Those that a process has once, however many registrations there are. */
export function metricsOfProcess(wholeProcess: ProcessFigures): Metric[] {
  return [
    ...connectionMetrics(wholeProcess),
    ...certificateMetrics(wholeProcess),
    ...workerPoolMetrics(wholeProcess),
    ...processMetrics(wholeProcess),
  ]
}

function readinessMetrics(parts: Parts): Metric[] {
  return [
    gauge('kafka_sse_ready', '1 while the process is ready for new streams', () =>
      Number(notReadyReasons(parts).length === 0),
    ),
    gauge('kafka_sse_draining', '1 once the process is shutting down', () => Number(isLeaving(parts))),
  ]
}

/** Left out where connections are not counted. */
function connectionMetrics(wholeProcess: ProcessFigures): Metric[] {
  if (wholeProcess.connections() === null) return []
  const figures = () => wholeProcess.connections() ?? NO_CONNECTIONS
  return [
    gauge(
      'kafka_sse_connections_open',
      'Connections that are open; without workers, those of the admin port are counted, too',
      () => figures().open,
    ),
    counterBy(
      'reason',
      'kafka_sse_connections_closed_total',
      'Connections, and requests, that were closed by a limit',
      () => figures().closed,
    ),
  ]
}

/** Left out where the host listens. Without TLS there is no value. */
function certificateMetrics({ served }: ProcessFigures): Metric[] {
  if (served === undefined) return []
  return [
    {
      type: 'gauge',
      name: 'kafka_sse_certificate_end_seconds',
      help: 'End of the certificate that is served, or of the first in its chain that ends, in Unix time',
      labels: [],
      read: () => (served.endMs === null ? [] : [{ value: served.endMs / 1000, labels: {} }]),
    },
  ]
}

/** Left out in a process without workers. */
function workerPoolMetrics({ workerPool }: ProcessFigures): Metric[] {
  if (workerPool === undefined) return []
  return [
    gauge('kafka_sse_workers', 'Worker threads', () => workerPool.workers),
    counter('kafka_sse_worker_deaths_total', 'Workers that died and were replaced', () => workerPool.deaths),
  ]
}

/** All but the first have the usual names of Prometheus clients, so that common dashboards find them. */
function processMetrics(wholeProcess: ProcessFigures): Metric[] {
  return [
    {
      type: 'gauge',
      name: 'kafka_sse_event_loop_delay_seconds',
      help: 'How late the event loop was, in a window of 10 s or more',
      // Not `quantile`, which is kept for summaries: promtool refuses it in a gauge.
      labels: ['statistic'],
      read: () => samples('statistic', { ...wholeProcess.delay() }),
    },
    counter('process_cpu_seconds_total', 'User and system CPU time', cpuSeconds),
    gauge('process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss()),
    gauge('process_start_time_seconds', 'Start of the process, in Unix time', () => START_SECONDS),
    gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use', wholeProcess.heapUsedBytes),
  ]
}
