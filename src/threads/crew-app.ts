// The application in several threads: this one reads from Kafka and answers operators, workers serve clients.

import type { RequestListener } from 'node:http'
import fastify from 'fastify'
import kafka from '../../plugins/kafka.ts'
import type { App } from '../app.ts'
import { frameworkOptions } from '../front.ts'
import { Listeners } from '../listener.ts'
import { buildOperator } from '../operator.ts'
import type { ServerOptions } from '../options.ts'
import { Crew } from './crew.ts'

export async function buildCrewApp(
  options: ServerOptions,
  descriptors: readonly (readonly number[])[],
): Promise<App> {
  const feed = fastify(frameworkOptions(options))
  await feed.register(kafka, options.kafka)
  await feed.ready()
  const { log } = feed
  const crew = new Crew({ options, topics: feed.kafkaSseTopics, descriptors, log })
  const admin = await buildOperator(options, {
    streams: crew,
    topics: feed.kafkaSseTopics,
    authenticator: crew,
    crew,
  })
  const listeners = new Listeners()
  return {
    log,
    failed: crew.failed,
    listen: async () => {
      const { adminHost: host, adminPort } = options
      const ports = {
        adminPort: await listeners.add(admin.routing as RequestListener, {
          host,
          port: adminPort,
          tls: null,
        }),
      }
      return { ...ports, port: await crew.start() }
    },
    drain: () => crew.drain(options.sse.drainSeconds * 1000),
    close: async () => {
      await crew.close()
      await admin.close()
      await listeners.close()
      await feed.close()
    },
  }
}
