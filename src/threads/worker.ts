// The entry point of a worker thread. It accepts connections on its own sockets, and serves streams, renewals and pages
// from buses that the main thread fills. It asks the main thread for everything that workers share.

import type { RequestListener } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'
import type { FastifyInstance } from 'fastify'
import type { KeySettings } from '../../plugins/auth/keys/open-keys.ts'
import { EventLoopDelay } from '../admin/event-loop-delay.ts'
import { flushLog } from '../app/log-destination.ts'
import { registerStreams } from '../app/registration.ts'
import { buildWebApp } from '../app/web-app.ts'
import type { TopicSource } from '../bus/topic.ts'
import { ConnectionBudget, connectionBounds } from '../http/connection-budget.ts'
import { createConnectionFigures } from '../http/connection-limits.ts'
import { serveSockets, type TlsContext } from '../http/listener.ts'
import type { ServerOptions } from '../options.ts'
import { LiveSettings } from '../reload/live-settings.ts'
import type { Renewal } from '../stream/holders.ts'
import type { RedeemTicket } from '../tickets/tickets.ts'
import type { Revocation } from '../token/revocation.ts'
import type { Revocations } from '../token/revocations.ts'
import { Channel, type Port } from './channel.ts'
import { ControlProxy } from './control-proxy.ts'
import { takeOver } from './handover.ts'
import type { ToMain, ToWorker, WorkerSetup } from './messages.ts'
import { MirroredKeys } from './mirrored-keys.ts'
import { MirroredTopics } from './mirrored-topics.ts'
import { SharedAdmission } from './shared-admission.ts'

const REPORT_EVERY_MS = 250

type Main = Channel<ToMain, ToWorker>

if (parentPort !== null) await work(parentPort, workerData)

async function work(port: Port, setup: WorkerSetup): Promise<void> {
  const main: Main = new Channel<ToMain, ToWorker>(port)
  const options = await takeOver(setup.handed)
  const topics = new MirroredTopics(main, setup.thread, setup.topics)
  const keys = new MirroredKeys(main)
  const live = new LiveSettings()
  const app = await buildApp(options, main, { topics, keys, live, rateMemory: setup.rateMemory })
  await readRevocations(main, app.kafkaSseStreams.revocations)
  const connections = createConnectionFigures()
  const tls = ownBuffers(setup.tls)
  const budget = new ConnectionBudget(connectionBounds(options), setup.connectionCounts, setup.thread - 1)
  live.onChange(({ connectionsMax, connectionsPerAddressMax }) =>
    budget.limitTo({ connectionsMax, connectionsPerAddressMax }),
  )
  live.onChange(({ logLevel }) => {
    app.log.level = logLevel
  })
  const served = { tls, connections, budget }
  const listener = await serveSockets(app.routing as RequestListener, served, setup.descriptors)
  const delay = new EventLoopDelay()
  const report = () =>
    main.tell('report', {
      figures: app.kafkaSseStreams.figures,
      connections,
      delay: delay.read(),
      watch: app.kafkaSseStreams.watch.list(),
      heapUsedBytes: process.memoryUsage().heapUsed,
      keysTrouble: app.kafkaSseAuth.keysReady(),
    })
  const reporting = setInterval(report, REPORT_EVERY_MS)
  // Last, because a message may need any of the above.
  main.handle({
    updates: (updates) => {
      topics.receive(updates)
      main.tell('updatesTaken', null)
    },
    keys: (told) => keys.receive(told),
    renew: (renewal) => app.kafkaSseStreams.renewHere(renewal),
    revoke: (revocation) => app.kafkaSseStreams.revokeHere(revocation),
    control: (news) => app.kafkaSseControl?.receive(news),
    reload: ({ options: changed, certificate }) => {
      const replaced = ownBuffers(certificate)
      if (replaced !== null) listener.useCertificate(replaced)
      live.change(changed)
    },
    drain: ({ withinMs }) => app.kafkaSseStreams.drain(withinMs),
    close: async () => {
      await app.kafkaSseStreams.close()
      await listener.close()
      await app.close()
      clearInterval(reporting)
      report()
      flushLog() // the main thread terminates this one as soon as it has the answer
    },
  })
  report()
  main.tell('listening', { port: listener.port })
}

interface Copies {
  readonly topics: TopicSource
  readonly keys: MirroredKeys
  readonly live: LiveSettings
  readonly rateMemory: SharedArrayBuffer
}

function buildApp(options: ServerOptions, main: Main, copies: Copies): Promise<FastifyInstance> {
  const shared = {
    admission: new SharedAdmission(main),
    renewElsewhere: (renewal: Renewal) => main.ask('renewElsewhere', renewal),
    revokeElsewhere: async (revocation: Revocation) => {
      await main.ask('revokeElsewhere', revocation)
    },
  }
  const redeemTicket: RedeemTicket = (nonce, expiresAtMs) => main.ask('redeemTicket', { nonce, expiresAtMs })
  const { topics, keys, live, rateMemory } = copies
  const openKeys = (settings: KeySettings) => keys.open(settings)
  const center = options.kafka.controlTopic === null ? null : new ControlProxy(main)
  const sources = { rateMemory, topics, center, shared, redeemTicket, openKeys, live }
  const tellForwarded = () => main.tell('forwarded', null)
  return buildWebApp(options, (scope) => registerStreams(scope, options, sources), tellForwarded)
}

/** What was revoked before this worker started. It listens once it has all of it. */
async function readRevocations(main: Main, revocations: Revocations): Promise<void> {
  for (;;) {
    const rows = await main.ask('revocations', null)
    if (rows.length === 0) return
    for (const row of rows) revocations.put(row)
  }
}

/** Buffers come from another thread as plain arrays of bytes. */
function ownBuffers(tls: TlsContext | null): TlsContext | null {
  if (tls === null) return null
  const { cert, key, ticketKeys } = tls
  return {
    cert: Buffer.from(cert),
    key: Buffer.from(key),
    ...(ticketKeys && { ticketKeys: Buffer.from(ticketKeys) }),
  }
}
