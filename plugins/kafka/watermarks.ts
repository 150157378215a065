// Asks Kafka for the watermarks of partitions, as far as it knows them.

import type { Watermarks } from '../../src/topic.ts'
import type { RecordSource } from './consumer.ts'

/** Of these partitions; one whose leader did not answer is left out. */
export async function watermarksOf(
  source: RecordSource,
  topic: string,
  partitions: readonly number[],
): Promise<Map<number, Watermarks>> {
  const starts = await source.starts(topic, partitions)
  const ends = await source.ends(topic, [...starts.keys()])
  const known = new Map<number, Watermarks>()
  for (const [partition, end] of ends) known.set(partition, { start: starts.get(partition) ?? end, end })
  return known
}

/** Of every partition; null if Kafka does not tell all: the one that it leaves out may be the one that an id speaks of. */
export async function allWatermarks(
  source: RecordSource,
  topic: string,
): Promise<Map<number, Watermarks> | null> {
  const partitions = (await source.partitions(topic)).map(({ partition }) => partition)
  const known = await watermarksOf(source, topic, partitions)
  return partitions.length > 0 && known.size === partitions.length ? known : null
}
