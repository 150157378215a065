// How far each partition is read. A bounded number of partitions is shown one by one: those of the topics that were
// opened first. The lag of all others is in the sum of their topic.

import type { PartitionProgress } from '../../src/bus/partitions.ts'
import type { FedTopic, Topics } from '../../src/bus/topic.ts'
import type { Metric, Sample } from './metric.ts'
import { labelsOf } from './topic-metrics.ts'

type PartitionSources = Pick<Topics, 'all' | 'partitionsShownMax'>

export function partitionMetrics(topics: PartitionSources): Metric[] {
  const metric = (name: string, help: string, value: (progress: PartitionProgress) => number): Metric => ({
    type: 'gauge',
    name,
    help,
    labels: ['topic', 'encoding', 'keeps', 'partition'],
    read: () => samplesOf(topics, value),
  })
  return [
    metric('kafka_sse_partition_position', 'Offset that is read next', ({ next }) => next),
    metric(
      'kafka_sse_partition_lag_records',
      'Offsets that are not read yet, by the end that Kafka told last',
      ({ lag }) => lag,
    ),
  ]
}

function samplesOf(topics: PartitionSources, value: (progress: PartitionProgress) => number): Sample[] {
  const samples: Sample[] = []
  for (const topic of topics.all())
    for (const progress of topic.bus.progress()) {
      if (samples.length >= topics.partitionsShownMax) return samples
      samples.push({ value: value(progress), labels: labelsIn(topic, progress) })
    }
  return samples
}

function labelsIn(topic: FedTopic, { partition }: PartitionProgress): Sample['labels'] {
  return { ...labelsOf(topic), partition: String(partition) }
}
