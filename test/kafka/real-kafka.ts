// A real Apache Kafka for tests: one KRaft node from Maven Central's jars, on ports that the OS gives, data in a
// temporary folder. `close()` leaves nothing behind; nor does the end of this process, except by SIGKILL.

import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kafkaClassPath } from './kafka-jars.ts'
import { freePorts, KafkaNode, type NodeOptions } from './kafka-node.ts'

const ID = 1
const HEAP_MEBIBYTES = 512

export type RealKafka = KafkaNode

/**
 * Resolves when the node serves; `settings` are further lines of server.properties. Rejects with NoKafkaError where
 * none can run.
 */
export async function startRealKafka(
  settings: readonly string[] = [],
  limits: Pick<NodeOptions, 'fileMebibytesMax'> = {},
): Promise<RealKafka> {
  const node = await KafkaNode.prepare({
    classPath: await kafkaClassPath(),
    folder: await mkdtemp(join(tmpdir(), 'kafka-sse-kafka-')),
    id: ID,
    ports: new Map([[ID, await freePorts()]]),
    heapMebibytes: HEAP_MEBIBYTES,
    settings,
    ...limits,
  })
  await node.start()
  return node
}
