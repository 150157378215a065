// Three nodes of a real Apache Kafka in one cluster, each broker and controller, for tests in which leaders move.

import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kafkaClassPath } from './kafka-jars.ts'
import { freePorts, KafkaNode } from './kafka-node.ts'

const IDS = [1, 2, 3]
const HEAP_MEBIBYTES = 256
const SETTINGS = [
  // A controller that was killed is replaced, and a broker missed, within two seconds.
  'controller.quorum.election.timeout.ms=500',
  'controller.quorum.fetch.timeout.ms=1000',
  'broker.session.timeout.ms=2000',
  // Leaders stay where they moved to.
  'auto.leader.rebalance.enable=false',
]

export class Cluster {
  private readonly nodes: ReadonlyMap<number, KafkaNode>

  private constructor(nodes: readonly KafkaNode[]) {
    this.nodes = new Map(nodes.map((node) => [node.id, node]))
  }

  /**
   * Resolves when all of the nodes serve; `settings` are further lines of server.properties, which win over those here.
   * Rejects with NoKafkaError where none can run.
   */
  static async start(settings: readonly string[] = []): Promise<Cluster> {
    const classPath = await kafkaClassPath()
    const ports = new Map(await Promise.all(IDS.map(async (id) => [id, await freePorts()] as const)))
    const prepared = IDS.map(async (id) => {
      const folder = await mkdtemp(join(tmpdir(), `kafka-sse-kafka-${id}-`))
      const heapMebibytes = HEAP_MEBIBYTES
      const lines = [...SETTINGS, ...settings]
      return KafkaNode.prepare({ classPath, folder, id, ports, heapMebibytes, settings: lines })
    })
    const cluster = new Cluster(await Promise.all(prepared))
    await cluster.startStopped()
    return cluster
  }

  get bootstrapServers(): string {
    return [...this.nodes.values()].map(({ bootstrapServers }) => bootstrapServers).join(',')
  }

  node(id: number): KafkaNode {
    const node = this.nodes.get(id)
    if (node === undefined) throw new Error(`no node ${id}`)
    return node
  }

  /** Starts the nodes that were killed. */
  async startStopped(): Promise<void> {
    const stopped = [...this.nodes.values()].filter(({ isRunning }) => !isRunning)
    await Promise.all(stopped.map((node) => node.start()))
  }

  async close(): Promise<void> {
    await Promise.all([...this.nodes.values()].map((node) => node.close()))
  }
}
