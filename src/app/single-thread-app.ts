// The application in one thread, which reads from Kafka, serves clients and answers operators.

import { randomInt } from 'node:crypto'
import type { RequestListener } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { ConnectionBudget, connectionBounds, createConnectionCounts } from '../http/connection-budget.ts'
import { type ConnectionFigures, createConnectionFigures } from '../http/connection-limits.ts'
import { type Certificate, Listeners } from '../http/listener.ts'
import { ServedCertificate } from '../http/served-certificate.ts'
import { SEEDS } from '../limits/hashed-cell.ts'
import type { LogLevel, ServerOptions } from '../options.ts'
import { type LiveOptions, LiveSettings } from '../reload/live-settings.ts'
import { readPair } from '../reload/replaced-files.ts'
import { adminBudget, buildAdminApp } from './admin-app.ts'
import type { App, Ports } from './app.ts'
import { registerKafkaStreams } from './kafka-registration.ts'
import { builtOrClosed } from './time-limit.ts'
import { buildWebApp } from './web-app.ts'

/** `sockets`: descriptors of listening sockets that a supervisor has opened; null: listens on HOST and PORT. */
export async function buildSingleThreadApp(
  options: ServerOptions,
  sockets: readonly number[] | null = null,
): Promise<SingleThreadApp> {
  const live = new LiveSettings()
  const web = await buildWebApp(options, (scope) => registerKafkaStreams(scope, options, { live }))
  const connections = createConnectionFigures()
  const departure = { isAnnounced: false }
  const served = new ServedCertificate()
  const parts = {
    streams: web.kafkaSseStreams,
    topics: web.kafkaSseTopics,
    authenticator: web.kafkaSseAuth,
    control: web.kafkaSseControlCenter,
    departure,
    connections,
    served,
  }
  const admin = await builtOrClosed(web, () => buildAdminApp(options, parts))
  return new SingleThreadApp({ options, sockets, web, admin, connections, departure, served, live })
}

interface SingleThreadAppParts {
  readonly options: ServerOptions
  readonly sockets: readonly number[] | null
  /** Streams, renewals and pages. */
  readonly web: FastifyInstance
  /** Health, metrics and status, on a port of their own. */
  readonly admin: FastifyInstance
  readonly connections: ConnectionFigures
  readonly departure: { isAnnounced: boolean }
  readonly served: ServedCertificate
  readonly live: LiveSettings
}

class SingleThreadApp implements App {
  readonly log: FastifyBaseLogger
  readonly failed = new Promise<void>(() => {})
  certificate: Certificate | null = null
  private readonly parts: SingleThreadAppParts
  private readonly clientPorts = new Listeners()
  private readonly adminPorts = new Listeners()

  constructor(parts: SingleThreadAppParts) {
    this.parts = parts
    this.log = parts.web.log
  }

  async listen(): Promise<Ports> {
    const { options, sockets, web, admin, connections, served, live } = this.parts
    const tls = options.tls === null ? null : await readPair(options.tls)
    this.certificate = tls
    served.use(tls)
    const { host, port, adminHost, adminPort } = options
    const at = { host: adminHost, port: adminPort, tls: null, connections, budget: adminBudget() }
    const budget = new ConnectionBudget(
      connectionBounds(options),
      createConnectionCounts(1, randomInt(SEEDS)),
      0,
    )
    live.onChange(({ connectionsMax, connectionsPerAddressMax }) =>
      budget.limitTo({ connectionsMax, connectionsPerAddressMax }),
    )
    const where = sockets === null ? { host, port } : { sockets }
    return {
      adminPort: await this.adminPorts.add(admin.routing as RequestListener, at),
      port: await this.clientPorts.add(web.routing as RequestListener, {
        ...where,
        tls,
        connections,
        budget,
      }),
    }
  }

  async reload(options: LiveOptions, certificate: Certificate | null): Promise<void> {
    const { served, live } = this.parts
    if (certificate !== null) {
      this.clientPorts.useCertificate(certificate)
      this.certificate = certificate
      served.use(certificate)
    }
    live.change(options)
  }

  logFrom(level: LogLevel): void {
    const { web, admin } = this.parts
    for (const app of [web, admin]) app.log.level = level
  }

  announceEnd(): void {
    this.parts.departure.isAnnounced = true
  }

  drain(): Promise<void> {
    const { web, options } = this.parts
    return web.kafkaSseStreams.drain(options.sse.drainSeconds * 1000)
  }

  async close(): Promise<void> {
    const { web, admin } = this.parts
    await web.kafkaSseStreams.close()
    await this.clientPorts.close()
    await web.close()
    // Last, so that readiness can be read until the end.
    await admin.close()
    await this.adminPorts.close()
  }
}
