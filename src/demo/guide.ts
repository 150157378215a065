// The text that the demo prints when it listens: its addresses, and commands to paste in its folder.

import type { ServerOptions } from '../options.ts'
import { answersAsLocalhost } from './identity.ts'

export interface DemoSurroundings {
  /** A line for each file that was created in the folder. */
  readonly made: readonly string[]
  /** The embedded broker, already running or started by this demo; or the Kafka of KAFKA_BOOTSTRAP_SERVERS. */
  readonly broker: 'found' | 'started' | 'kafka'
}

const RECORD = `'{ "id": 1, "name": "Hello World!"}'`

export function demoGuide(options: ServerOptions, port: number, surroundings: DemoSurroundings): string {
  const origin = `${options.tls === null ? 'http' : 'https'}://${hostOf(options)}:${port}`
  const stream = `${origin}${options.streams[0]?.path ?? '/events'}`
  return [
    ...surroundings.made,
    `${stream} streams the topic ${options.streams[0]?.topic} from ${brokerWords(options, surroundings)}.`,
    ...pageLines(origin, options),
    '',
    'In another terminal, in this folder:',
    '',
    '  # a token that is valid for 30 seconds, and the stream, which asks for a new one after 20',
    '  export JWT_TOKEN=$(npx kafka-sse token)',
    `  ${curl(options)} "${stream}?access_token=\${JWT_TOKEN}"`,
    '',
    '  # a record, from a third terminal',
    `  ${producePrefix(options, surroundings)}npx kafka-sse produce --key 1 ${RECORD}`,
    '',
    '  # or a client that answers each challenge, for as long as you like',
    `  npx kafka-sse tail ${stream}`,
    '',
    ...keyLines(stream, options),
    ...restartLines(surroundings),
    '',
  ].join('\n')
}

function pageLines(origin: string, { demo }: ServerOptions): string[] {
  const page = `The page: ${origin}/index.html`
  return [demo?.tokens ? page : `${page} (it asks for a token; with DEMO_TOKENS=on it gets one by itself)`]
}

function keyLines(stream: string, { streams }: ServerOptions): string[] {
  if (!streams[0]?.select?.includes('key')) return []
  return ['  # the records of some keys alone', `  npx kafka-sse tail ${stream} --key 1 --key 2`, '']
}

function brokerWords(options: ServerOptions, { broker }: DemoSurroundings): string {
  const address = options.kafka.bootstrapServers
  if (broker === 'kafka') return `Kafka at ${address}`
  return broker === 'found' ? `the broker that runs at ${address}` : `an embedded broker at ${address}`
}

function curl({ tls }: ServerOptions): string {
  const secure = tls === null ? '' : ' --http2 --cacert test-ca.crt'
  return `curl -v -N${secure} -H "Accept:text/event-stream"`
}

/** Empty for the embedded broker, which `produce` finds by itself. */
function producePrefix(options: ServerOptions, { broker }: DemoSurroundings): string {
  return broker === 'kafka' ? `KAFKA_BOOTSTRAP_SERVERS=${options.kafka.bootstrapServers} ` : ''
}

function restartLines({ broker }: DemoSurroundings): string[] {
  const again = process.env.npm_lifecycle_event === 'start' ? 'npm start' : 'npx kafka-sse demo'
  if (broker !== 'started') {
    return [
      'Stop and start, with nothing lost: Ctrl-C here, produce a record or two, then here again',
      '',
      `  ${again}`,
      '',
      'and clients that come back get them.',
    ]
  }
  return [
    'Ctrl-C ends the server, and the broker with it. To see a server stop and start with nothing lost: Ctrl-C, then',
    '',
    '  npx kafka-sse broker    # in another terminal: this broker outlives the server',
    `  ${again.padEnd(24)}# here: the server, on that broker`,
    '',
    'From then on Ctrl-C stops the server alone: produce a record or two, start it again,',
    'and clients that come back get them.',
  ]
}

function hostOf({ host }: ServerOptions): string {
  if (answersAsLocalhost(host)) return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
