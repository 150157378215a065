// The application in several threads: this thread reads from Kafka and answers operators, workers serve clients.

import type { RequestListener } from 'node:http'
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import kafka from '../../plugins/kafka.ts'
import { adminBudget, buildAdminApp } from '../app/admin-app.ts'
import type { App, Ports } from '../app/app.ts'
import { kafkaOptions } from '../app/kafka-registration.ts'
import { withSecretKey } from '../app/sealing.ts'
import { builtOrClosed } from '../app/time-limit.ts'
import { frameworkOptions } from '../app/web-app.ts'
import { type Certificate, Listeners } from '../http/listener.ts'
import { ServedCertificate } from '../http/served-certificate.ts'
import type { LogLevel, ServerOptions } from '../options.ts'
import { type LiveOptions, LiveSettings } from '../reload/live-settings.ts'
import { readPair } from '../reload/replaced-files.ts'
import { type HandedOptions, takeOver } from './handover.ts'
import { ProcessKeys } from './worker-keys.ts'
import { WorkerPool } from './worker-pool.ts'

/** `descriptors`: see `WorkerPoolParts`. */
export async function buildMultiThreadApp(
  { options: given, functions }: HandedOptions,
  descriptors: readonly (readonly number[])[],
): Promise<App> {
  const feed = fastify(frameworkOptions(given))
  // Here, because workers that are started later need the same key.
  const options = withSecretKey(given, feed.log)
  const handed = { options, functions }
  const live = new LiveSettings()
  return builtOrClosed(feed, async () => {
    // Kafka is read here, so this thread needs its own functions: `kafka.token`.
    const { kafka: reading } = await takeOver(handed)
    await feed.register(kafka, kafkaOptions({ ...options, kafka: reading }, live))
    const keys = new ProcessKeys(feed.log)
    feed.addHook('onClose', async () => keys.close())
    await feed.ready()
    const { log, kafkaSseTopics: topics, kafkaSseControlCenter: center } = feed
    const workerPool = new WorkerPool({ handed, topics, center, keys, descriptors, log })
    center?.start(workerPool)
    const departure = { isAnnounced: false }
    const served = new ServedCertificate()
    const parts = {
      streams: workerPool,
      topics,
      authenticator: { keysReady: () => workerPool.keysReady(), keyFetches: () => keys.fetches() },
      control: center,
      departure,
      workerPool,
      served,
    }
    const admin = await buildAdminApp(options, parts)
    return new MultiThreadApp({ options, feed, admin, workerPool, departure, served, live })
  })
}

interface MultiThreadAppParts {
  readonly options: ServerOptions
  /** Has the topics and their source, and serves nothing. */
  readonly feed: FastifyInstance
  /** Health, metrics and status, on a port of their own. */
  readonly admin: FastifyInstance
  readonly workerPool: WorkerPool
  readonly departure: { isAnnounced: boolean }
  readonly served: ServedCertificate
  /** Of this thread. */
  readonly live: LiveSettings
}

class MultiThreadApp implements App {
  readonly log: FastifyBaseLogger
  readonly failed: Promise<void>
  certificate: Certificate | null = null
  private readonly parts: MultiThreadAppParts
  private readonly adminPorts = new Listeners()

  constructor(parts: MultiThreadAppParts) {
    this.parts = parts
    this.log = parts.feed.log
    this.failed = parts.workerPool.failed
  }

  async listen(): Promise<Ports> {
    const { options, admin, workerPool, served } = this.parts
    const at = { host: options.adminHost, port: options.adminPort, tls: null, budget: adminBudget() }
    const adminPort = await this.adminPorts.add(admin.routing as RequestListener, at)
    this.certificate = options.tls === null ? null : await readPair(options.tls)
    served.use(this.certificate)
    return { adminPort, port: await workerPool.start(this.certificate) }
  }

  async reload(options: LiveOptions, certificate: Certificate | null): Promise<void> {
    const { workerPool, served, live } = this.parts
    if (certificate !== null) {
      this.certificate = certificate
      served.use(certificate)
    }
    live.change(options)
    await workerPool.reload(options, certificate)
  }

  logFrom(level: LogLevel): void {
    const { feed, admin } = this.parts
    for (const app of [feed, admin]) app.log.level = level
  }

  announceEnd(): void {
    this.parts.departure.isAnnounced = true
  }

  drain(): Promise<void> {
    const { workerPool, options } = this.parts
    return workerPool.drain(options.sse.drainSeconds * 1000)
  }

  async close(): Promise<void> {
    const { workerPool, feed, admin } = this.parts
    await workerPool.close()
    await feed.close()
    // Last, so that readiness is seen to be red until the end.
    await admin.close()
    await this.adminPorts.close()
  }
}
