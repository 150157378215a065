// Makes the snapshot of the process's figures that the status page shows.

import type { Status, TopicStatus } from '../../src/admin/admin.ts'
import { notReadyReasons, type Parts } from '../../src/admin/readiness.ts'
import type { FedTopic } from '../../src/bus/topic.ts'
import type { ProcessFigures } from './process-figures.ts'

/** Topics that clients name in a path: so many are shown, each with its figures. */
const BY_PATH_SHOWN_MAX = 20

export function statusOf(parts: Parts, wholeProcess: ProcessFigures): Status {
  const { figures } = parts.streams
  const { byPath } = parts.topics
  return {
    atMs: Date.now(),
    uptimeSeconds: Math.floor(process.uptime()),
    notReady: notReadyReasons(parts),
    streams: { open: figures.streamsOpen, opened: figures.streamsOpened, ended: figures.streamsEnded },
    delivered: {
      records: figures.recordsDelivered,
      bytes: figures.bytesDelivered,
      writes: figures.writes,
    },
    challenges: figures.challenges,
    renewals: figures.renewals,
    topics: [...parts.topics.all(), ...byPath.open.slice(0, BY_PATH_SHOWN_MAX)].map(topicStatus),
    topicsByPath: {
      open: byPath.open.length,
      retainedBytes: byPath.open.reduce((bytes, { bus }) => bytes + bus.retainedBytes, 0),
      bytesMax: byPath.bytesMax,
    },
    eventLoopDelaySeconds: wholeProcess.delay(),
    cpuSeconds: cpuSeconds(),
    residentBytes: process.memoryUsage.rss(),
  }
}

export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function topicStatus({ name, encoding, bus }: FedTopic): TopicStatus {
  return {
    name,
    encoding,
    keeps: bus.keeps,
    isCaughtUp: bus.caughtUp,
    position: bus.positionText(),
    recordsAppended: bus.recordsAppended,
    retainedRecords: bus.retainedRecords,
    retainedBytes: bus.retainedBytes,
    retainedBytesMax: bus.options.retainedBytesMax,
  }
}
