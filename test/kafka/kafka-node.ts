// One node of a real Apache Kafka for tests, a process run from Maven Central's jars, its data in a folder that the
// caller gives. Nothing of it outlives this process, unless that was ended by SIGKILL.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { freePort } from '../support/free-port.ts'

const START_TIMEOUT_MS = 60_000
/**
 * Kafka's classes as Java keeps them once they are read, which saves a start some 0.6 s of a core. The first node that
 * is formatted leaves them; Java goes without where they are missing, or of another version.
 */
const CLASSES_FILE = join(import.meta.dirname, '../../node_modules/.cache/kafka-sse/kafka-classes.jsa')
const OUTPUT_KEPT_CHARACTERS = 20_000
/** A cluster id is 16 bytes in base64url. */
const CLUSTER_ID = Buffer.from('kafka-sse-tests!').toString('base64url')

export interface NodePorts {
  readonly client: number
  readonly controller: number
}

export interface NodeOptions {
  readonly classPath: string
  readonly folder: string
  readonly id: number
  /** Of every node of the cluster, by its id. */
  readonly ports: ReadonlyMap<number, NodePorts>
  readonly heapMebibytes: number
  /** Further lines of server.properties. */
  readonly settings: readonly string[]
  /** Passwords of users that may log in by SCRAM-SHA-256. */
  readonly scram?: ReadonlyMap<string, string>
  /** Of Java, such as `-Dname=value`. Default: none. */
  readonly javaOptions?: readonly string[]
  /** The largest file that the broker can write, as on a disk that is full then. Default: no limit. */
  readonly fileMebibytesMax?: number
}

export class KafkaNode {
  /** host:port; stays the same over `start()`. */
  readonly bootstrapServers: string
  private readonly options: NodeOptions
  private readonly propertiesFile: string
  private child: ChildProcess | null = null
  private output = ''
  private readonly onExit = () => this.dispose()

  private constructor(options: NodeOptions) {
    this.options = options
    this.bootstrapServers = `127.0.0.1:${portsOf(options).client}`
    this.propertiesFile = join(options.folder, 'server.properties')
    process.once('exit', this.onExit)
  }

  /** A node with its storage made, not yet started. */
  static async prepare(options: NodeOptions): Promise<KafkaNode> {
    await mkdir(options.folder, { recursive: true })
    const node = new KafkaNode(options)
    await writeFile(node.propertiesFile, [...serverProperties(options), ...options.settings].join('\n'))
    await node.format()
    return node
  }

  get id(): number {
    return this.options.id
  }

  get isRunning(): boolean {
    return this.child !== null
  }

  /** Starts the node, or starts it again on the same ports and data; resolves when it serves. */
  async start(): Promise<void> {
    this.output = ''
    const child = this.java([`-XX:SharedArchiveFile=${CLASSES_FILE}`], ['kafka.Kafka', this.propertiesFile])
    this.child = child
    const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS)
    await new Promise<void>((resolve, reject) => {
      child.stdout?.on('data', () => this.output.includes('Kafka Server started') && resolve())
      child.once('exit', () => reject(new Error(`Kafka ended instead of starting:\n${this.output}`)))
    }).finally(() => clearTimeout(timer))
  }

  /** SIGKILL: what was acknowledged is on disk or in the page cache; its clients hear nothing. */
  async kill(): Promise<void> {
    const child = this.child
    this.child = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  /** SIGSTOP: connections stay open without an answer, until `thaw()`. */
  freeze(): void {
    this.child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.child?.kill('SIGCONT')
  }

  /** Ends the node and removes its data. */
  async close(): Promise<void> {
    await this.kill()
    process.off('exit', this.onExit)
    this.dispose()
  }

  private scramUsers(): string[] {
    return [...(this.options.scram ?? [])].flatMap(([name, password]) => {
      return ['--add-scram', `SCRAM-SHA-256=[name=${name},password=${password}]`]
    })
  }

  private async format(): Promise<void> {
    const made = existsSync(CLASSES_FILE) ? null : `${CLASSES_FILE}.${process.pid}-${this.id}`
    if (made !== null) await mkdir(dirname(CLASSES_FILE), { recursive: true })
    const child = this.java(
      [made === null ? `-XX:SharedArchiveFile=${CLASSES_FILE}` : `-XX:ArchiveClassesAtExit=${made}`],
      [
        'kafka.tools.StorageTool',
        'format',
        '-t',
        CLUSTER_ID,
        '-c',
        this.propertiesFile,
        ...this.scramUsers(),
      ],
    )
    const [code] = await once(child, 'exit')
    if (code !== 0) throw new Error(`Kafka's storage was not formatted:\n${this.output}`)
    // In one step, because others may start from it at the same time.
    if (made !== null && existsSync(made)) await rename(made, CLASSES_FILE)
  }

  private dispose(): void {
    this.child?.kill('SIGKILL')
    rmSync(this.options.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  /** bash counts KiB here. */
  private get fileLimit(): string {
    const { fileMebibytesMax } = this.options
    return fileMebibytesMax === undefined ? '' : `ulimit -f ${fileMebibytesMax * 1024} && `
  }

  private java(classes: readonly string[], args: readonly string[]): ChildProcess {
    const { classPath, folder, heapMebibytes, javaOptions = [] } = this.options
    const memory = [`-Xmx${heapMebibytes}m`, '-Xms128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
    const logging = ['-Dorg.slf4j.simpleLogger.logFile=System.out', '-Dlog4j2.disable.jmx=true']
    const java = ['java', ...memory, ...logging, ...javaOptions, ...classes, '-cp', classPath, ...args]
    // bash becomes Java, so that signals reach it.
    const child = spawn('bash', ['-c', `${this.fileLimit}exec "$@"`, 'bash', ...java], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const keep = (text: string) => {
      this.output = (this.output + text).slice(-OUTPUT_KEPT_CHARACTERS)
    }
    child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    return child
  }
}

/** Ports that were free a moment ago: Kafka wants to be told them before it listens. */
export async function freePorts(): Promise<NodePorts> {
  return { client: await freePort(), controller: await freePort() }
}

function serverProperties(options: NodeOptions): string[] {
  const { client, controller } = portsOf(options)
  const voters = [...options.ports].map(([id, ports]) => `${id}@127.0.0.1:${ports.controller}`)
  return [
    'process.roles=broker,controller',
    `node.id=${options.id}`,
    `controller.quorum.voters=${voters.join(',')}`,
    `listeners=PLAINTEXT://127.0.0.1:${client},CONTROLLER://127.0.0.1:${controller}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${client}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAINTEXT',
    `log.dirs=${join(options.folder, 'data')}`,
    'num.partitions=1',
    'auto.create.topics.enable=false',
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'transaction.state.log.num.partitions=1',
    // A transaction that was left open is aborted soon after its time.
    'transaction.abort.timed.out.transaction.cleanup.interval.ms=500',
    'message.max.bytes=20971520',
    // Cleaning and deleting start within a second, so that tests can wait for them.
    'log.initial.task.delay.ms=500',
    'log.cleaner.backoff.ms=200',
    'log.retention.check.interval.ms=500',
    'log.segment.delete.delay.ms=500',
    // A broker that was killed is missed within three seconds, and its partitions move.
    'broker.heartbeat.interval.ms=500',
    'broker.session.timeout.ms=3000',
  ]
}

function portsOf({ id, ports }: NodeOptions): NodePorts {
  const own = ports.get(id)
  if (own === undefined) throw new Error(`node ${id} has no ports`)
  return own
}
