// `App` in several threads, as src/app/single-thread-app.ts is in one: this thread reads from Kafka and answers operators, workers
// serve clients.

import type { RequestListener } from 'node:http'
import fastify, { type FastifyInstance } from 'fastify'
import kafka from '../../plugins/kafka.ts'
import { adminBudget, buildAdminApp } from '../app/admin-app.ts'
import type { App } from '../app/single-thread-app.ts'
import { builtOrClosed } from '../app/time-limit.ts'
import { frameworkOptions } from '../app/web-app.ts'
import { Listeners } from '../http/listener.ts'
import type { HandedOptions } from './handover.ts'
import { WorkerPool } from './worker-pool.ts'

export async function buildMultiThreadApp(
  handed: HandedOptions,
  descriptors: readonly (readonly number[])[],
): Promise<App> {
  const { options } = handed
  const feed = fastify(frameworkOptions(options))
  return builtOrClosed(feed, async () => {
    await feed.register(kafka, options.kafka)
    await feed.ready()
    return multiThreadApp(feed, handed, descriptors)
  })
}

async function multiThreadApp(
  feed: FastifyInstance,
  handed: HandedOptions,
  descriptors: readonly (readonly number[])[],
): Promise<App> {
  const { options } = handed
  const { log, kafkaSseTopics: topics } = feed
  const workerPool = new WorkerPool({ handed, topics, descriptors, log })
  const departure = { isAnnounced: false }
  const admin = await buildAdminApp(options, {
    streams: workerPool,
    topics,
    authenticator: workerPool,
    departure,
    workerPool,
  })
  const adminPorts = new Listeners()
  return {
    log,
    failed: workerPool.failed,
    listen: async () => {
      const at = { host: options.adminHost, port: options.adminPort, tls: null, budget: adminBudget() }
      const adminPort = await adminPorts.add(admin.routing as RequestListener, at)
      return { adminPort, port: await workerPool.start() }
    },
    announceEnd: () => {
      departure.isAnnounced = true
    },
    drain: () => workerPool.drain(options.sse.drainSeconds * 1000),
    close: async () => {
      await workerPool.close()
      await feed.close()
      // Last, so that readiness is seen to be red until the end.
      await admin.close()
      await adminPorts.close()
    },
  }
}
