// A real Apache Kafka for tests: one KRaft node from Maven Central's jars, on ports that the OS gives, data in a
// temporary folder. `close()` leaves nothing behind; so does the end of this process, whatever ended it but SIGKILL.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kafkaClassPath } from './kafka-jars.ts'

const START_TIMEOUT_MS = 60_000
const OUTPUT_KEPT_CHARACTERS = 20_000

export interface RealKafka {
  /** host:port; stays the same over `start()`. */
  readonly bootstrapServers: string
  readonly isRunning: boolean
  /** SIGKILL: what was acknowledged is on disk or in the page cache, nobody was told good-bye. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay open and nobody answers, until `thaw()`. */
  freeze(): void
  thaw(): void
  /** Starts the node again, on the same ports and data; resolves when it serves. */
  start(): Promise<void>
  /** Ends the node and removes its data. */
  close(): Promise<void>
}

/** Resolves when the node serves; `settings` are further lines of server.properties. Rejects with NoKafkaError where none can run. */
export async function startRealKafka(settings: readonly string[] = []): Promise<RealKafka> {
  const classPath = await kafkaClassPath()
  const folder = await mkdtemp(join(tmpdir(), 'kafka-sse-kafka-'))
  const [port, controllerPort] = [await freePort(), await freePort()]
  const propertiesFile = join(folder, 'server.properties')
  await writeFile(propertiesFile, [...serverProperties(folder, port, controllerPort), ...settings].join('\n'))
  const node = new KafkaNode(classPath, folder, propertiesFile, port)
  await node.format()
  await node.start()
  return node
}

class KafkaNode implements RealKafka {
  readonly bootstrapServers: string
  private readonly classPath: string
  private readonly folder: string
  private readonly propertiesFile: string
  private child: ChildProcess | null = null
  private output = ''
  private readonly onExit = () => this.dispose()

  constructor(classPath: string, folder: string, propertiesFile: string, port: number) {
    this.bootstrapServers = `127.0.0.1:${port}`
    this.classPath = classPath
    this.folder = folder
    this.propertiesFile = propertiesFile
    process.once('exit', this.onExit)
  }

  get isRunning(): boolean {
    return this.child !== null
  }

  async format(): Promise<void> {
    // A cluster id is 16 bytes in base64url.
    const clusterId = Buffer.from('kafka-sse-tests!').toString('base64url')
    const child = this.java(['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', this.propertiesFile])
    const [code] = await once(child, 'exit')
    if (code !== 0) throw new Error(`Kafka's storage was not formatted:\n${this.output}`)
  }

  async start(): Promise<void> {
    this.output = ''
    const child = this.java(['kafka.Kafka', this.propertiesFile])
    this.child = child
    const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS)
    await new Promise<void>((resolve, reject) => {
      child.stdout?.on('data', () => this.output.includes('Kafka Server started') && resolve())
      child.once('exit', () => reject(new Error(`Kafka ended instead of starting:\n${this.output}`)))
    }).finally(() => clearTimeout(timer))
  }

  async kill(): Promise<void> {
    const child = this.child
    this.child = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  freeze(): void {
    this.child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.child?.kill('SIGCONT')
  }

  async close(): Promise<void> {
    await this.kill()
    process.off('exit', this.onExit)
    this.dispose()
  }

  private dispose(): void {
    this.child?.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  private java(args: string[]): ChildProcess {
    const memory = ['-Xmx512m', '-Xms128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
    const logging = ['-Dorg.slf4j.simpleLogger.logFile=System.out', '-Dlog4j2.disable.jmx=true']
    const child = spawn('java', [...memory, ...logging, '-cp', this.classPath, ...args], {
      cwd: this.folder,
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

function serverProperties(folder: string, port: number, controllerPort: number): string[] {
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAINTEXT',
    `log.dirs=${join(folder, 'data')}`,
    'num.partitions=1',
    'auto.create.topics.enable=false',
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'transaction.state.log.num.partitions=1',
    'message.max.bytes=20971520',
    // Cleaning and deleting start within a second, so that tests can wait for them.
    'log.initial.task.delay.ms=500',
    'log.cleaner.backoff.ms=200',
    'log.retention.check.interval.ms=500',
    'log.segment.delete.delay.ms=500',
    'broker.heartbeat.interval.ms=500',
    'broker.session.timeout.ms=3000',
  ]
}

/** A port that was free a moment ago: Kafka wants to be told its port before it listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('the OS gave no port')
  return address.port
}
