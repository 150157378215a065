// Makes the snapshot of the process's figures that the status page shows.

import type { Status, TopicStatus } from '../../src/admin/admin.ts'
import type { History } from '../../src/admin/history.ts'
import { notReadyReasons, type Parts } from '../../src/admin/readiness.ts'
import type { FedTopic } from '../../src/bus/topic.ts'
import type { ProcessFigures } from './process-figures.ts'

/** Topics that clients name in a path: so many are shown, each with its figures. */
const BY_PATH_SHOWN_MAX = 20
/** Partitions of a topic that are shown. */
const PARTITIONS_SHOWN_MAX = 50
/** Paths of streams that are shown. */
const PATHS_SHOWN_MAX = 50

export interface StatusSources {
  readonly parts: Parts
  readonly wholeProcess: ProcessFigures
  readonly history: Pick<History, 'latest' | 'columns'>
}

/** `hasHistory`: with all samples, in place of the newest alone. */
export function statusOf({ parts, wholeProcess, history }: StatusSources, hasHistory: boolean): Status {
  const { figures } = parts.streams
  const { outcomes, slow } = parts.streams.watch.list()
  const { byPath } = parts.topics
  const shownByPath = byPath.open.slice(0, BY_PATH_SHOWN_MAX)
  return {
    atMs: Date.now(),
    uptimeSeconds: Math.floor(process.uptime()),
    notReady: notReadyReasons(parts),
    streams: {
      open: figures.streamsOpen,
      opened: figures.streamsOpened,
      ended: figures.streamsEnded,
      paths: pathsOf(figures.paths),
      slow,
    },
    ...outcomes,
    delivered: {
      records: figures.recordsDelivered,
      bytes: figures.bytesDelivered,
      writes: figures.writes,
    },
    challenges: figures.challenges,
    renewals: figures.renewals,
    topics: [...parts.topics.all(), ...shownByPath].map(topicStatus),
    topicsByPath: {
      open: byPath.open.length,
      shown: shownByPath.length,
      retainedBytes: byPath.open.reduce((bytes, { bus }) => bytes + bus.retainedBytes, 0),
      bytesMax: byPath.bytesMax,
    },
    eventLoopDelaySeconds: wholeProcess.delay(),
    cpuSeconds: cpuSeconds(),
    residentBytes: process.memoryUsage.rss(),
    sample: history.latest(),
    ...(hasHistory && { history: history.columns() }),
  }
}

export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function pathsOf(paths: Parts['streams']['figures']['paths']): Status['streams']['paths'] {
  const listed = Object.entries(paths).map(([path, { open, opened }]) => ({ path, open, opened }))
  return listed.sort((a, b) => b.open - a.open).slice(0, PATHS_SHOWN_MAX)
}

function topicStatus(topic: FedTopic): TopicStatus {
  const { name, encoding, bus } = topic
  const partitions = [...bus.progress()]
  return {
    name,
    encoding,
    keeps: bus.keeps,
    isCaughtUp: bus.caughtUp,
    trouble: bus.caughtUp ? topic.notReady() : null,
    isFull: !bus.isWhole,
    partitions: partitions.slice(0, PARTITIONS_SHOWN_MAX),
    partitionsCount: bus.position().size,
    lag: partitions.reduce((records, { lag }) => records + lag, 0),
    recordsAppended: bus.recordsAppended,
    retainedRecords: bus.retainedRecords,
    retainedBytes: bus.retainedBytes,
    retainedBytesMax: bus.options.retainedBytesMax,
  }
}
