// Makes the snapshot of the process's figures that the status page shows.

import type { Status, TopicStatus } from '../../src/admin/admin.ts'
import { notReadyReasons, type Parts } from '../../src/admin/readiness.ts'
import type { FedTopic } from '../../src/bus/topic.ts'
import type { ProcessFigures } from './process-figures.ts'

export function statusOf(parts: Parts, wholeProcess: ProcessFigures): Status {
  const { figures } = parts.streams
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
    topics: parts.topics.all().map(topicStatus),
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
