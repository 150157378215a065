// `kafka-sse demo`: runs the server with an embedded broker and generated keys, and prints commands to paste.
// Promise: it ends the broker that it started.

import { lacksSecretKey } from '../app/sealing.ts'
import type { SignalQueue } from '../app/stop-signals.ts'
import { parseDemoEnvironment } from '../config/parse.ts'
import { LOCAL_STREAM_URL } from '../config/server-settings.ts'
import { ONLY_STREAM } from '../config/streams/single-stream-settings.ts'
import { ensureDemoCredentials } from '../demo/credentials.ts'
import { type DemoSurroundings, demoGuide } from '../demo/guide.ts'
import {
  answersAsLocalhost,
  CERTIFICATE_FILE,
  CERTIFICATE_KEY_FILE,
  DEMO_AUDIENCE,
  DEMO_ISSUER,
  LOCAL_HOSTS,
  PRIVATE_KEY_FILE,
} from '../demo/identity.ts'
import { ensureDemoSecretKey } from '../demo/secret-key.ts'
import { inheritedSockets } from '../http/inherited-sockets.ts'
import type { ServerOptions } from '../options.ts'
import { type Rereading, runServer } from '../server.ts'
import { findBroker } from './broker-file.ts'
import { runCommand } from './command-line.ts'

const HELP = `kafka-sse demo

Streams the topic ${ONLY_STREAM.topic} at ${LOCAL_STREAM_URL}. It creates its keys and certificates in
this folder; kafka-sse token, produce and tail need no options in the same folder. With KAFKA_BOOTSTRAP_SERVERS it
streams from that Kafka, otherwise from an embedded broker.
`

/** Placeholder for the embedded broker until its address is known: no broker has port 0. */
const EMBEDDED = '127.0.0.1:0'

export async function demo(args: string[], env: NodeJS.ProcessEnv, signals: SignalQueue): Promise<number> {
  return runCommand({ help: HELP, options: {} }, args, async () =>
    runDemo(withWholeRecords(await demoOptions(env, process.cwd())), env, signals),
  )
}

async function demoOptions(env: NodeJS.ProcessEnv, folder: string): Promise<ServerOptions> {
  const at = (name: string) => `${folder}/${name}`
  return parseDemoEnvironment(env, {
    folder,
    localHosts: LOCAL_HOSTS,
    fixed: new Map([
      ['auth.issuer', DEMO_ISSUER],
      ['auth.audience', DEMO_AUDIENCE],
      ['auth.issuers', undefined],
      // The file is watched, so a key that replaces it takes effect at once. Its public half verifies tokens.
      ['auth.keys', at(PRIVATE_KEY_FILE)],
      ['tlsCertFile', at(CERTIFICATE_FILE)],
      ['tlsKeyFile', at(CERTIFICATE_KEY_FILE)],
    ]),
    defaults: new Map<string, unknown>([
      ['host', 'localhost'],
      ['kafka.bootstrapServers', EMBEDDED],
      // Otherwise a log line for each request would hide what the demo prints.
      ['logLevel', 'warn'],
      ['page', 'on'],
      // One thread starts faster, and is enough for a trial.
      ['workers', 1],
    ]),
    // So that a newcomer can try `?key=`. Its index takes nothing that a demo would notice.
    onlyStream: { ...ONLY_STREAM, select: ['key'] },
    hasSockets: inheritedSockets(env, process.pid) !== null,
  })
}

/** Adds a stream of the same records with their keys and headers, which the page shows. */
function withWholeRecords(options: ServerOptions): ServerOptions {
  const { streams, demo } = options
  const [only] = streams
  const isOnlyStream = streams.length === 1 && only?.path === ONLY_STREAM.path && only.encoding === 'text'
  if (!isOnlyStream || demo === undefined) return options
  const path = `${only.path}/envelope`
  return {
    ...options,
    streams: [only, { ...only, path, encoding: 'envelope' }],
    demo: { ...demo, envelopes: { [only.path]: path } },
  }
}

async function runDemo(
  given: ServerOptions,
  { CONFIG_FILE: configFile }: NodeJS.ProcessEnv,
  signals: SignalQueue,
): Promise<number> {
  const folder = process.cwd()
  const serveDemo = (
    served: ServerOptions,
    found: Omit<DemoSurroundings, 'producedTopic' | 'configFile'>,
  ): Promise<number> =>
    runServer(served, signals, certificateOf(served), ({ port }) => {
      process.stdout.write(
        demoGuide(served, port, { ...found, producedTopic: ONLY_STREAM.topic, configFile }),
      )
    })
  const names = answersAsLocalhost(given.host) ? [] : [given.host]
  const credentials = await ensureDemoCredentials({ folder, names })
  const { options, made: madeKey } = await withKeptKey(given, folder)
  const made = [...credentials.made, ...madeKey]
  if (options.kafka.bootstrapServers !== EMBEDDED) return serveDemo(options, { made, broker: 'kafka' })
  const found = await findBroker(folder)
  if (found !== null) return serveDemo(withBroker(options, found), { made, broker: 'found' })
  // Loaded here, because a demo on a real Kafka does not need the embedded broker.
  const { spawnBroker } = await import('./broker.ts')
  const topics = new Set(options.streams.flatMap(({ topic, topics }) => topics ?? [topic]))
  const started = await spawnBroker(folder, [...topics])
  try {
    return await serveDemo(withBroker(options, started.address), { made, broker: 'started' })
  } finally {
    await started.close()
  }
}

/** The one thing of a demo that is read again: all else is its own. */
function certificateOf(options: ServerOptions): Rereading {
  const { tls } = options
  return { read: async () => options, files: tls === null ? [] : [tls.certFile, tls.keyFile] }
}

/** With a key of its own for each start, clients of sealed streams would be sent everything again. */
async function withKeptKey(
  options: ServerOptions,
  folder: string,
): Promise<{ options: ServerOptions; made: readonly string[] }> {
  if (!lacksSecretKey(options)) return { options, made: [] }
  const { secretKey, made } = await ensureDemoSecretKey(folder)
  return { options: { ...options, sse: { ...options.sse, secretKey } }, made }
}

/** A short `fetch.wait.max.ms`, because the embedded broker answers a fetch only at its end. */
function withBroker(options: ServerOptions, bootstrapServers: string): ServerOptions {
  const config = { 'fetch.wait.max.ms': 10, ...options.kafka.config }
  return { ...options, kafka: { ...options.kafka, bootstrapServers, config } }
}
