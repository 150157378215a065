// The text that the demo prints when it listens: its addresses, and commands to paste in its folder.

import type { ResolvedStream, ServerOptions } from '../options.ts'
import { shellWord } from '../text/shell-word.ts'
import { answersAsLocalhost, DEMO_SCOPE } from './identity.ts'

export interface DemoSurroundings {
  /** A line for each file that was created in the folder. */
  readonly made: readonly string[]
  /** The embedded broker, already running or started by this demo; or the Kafka of KAFKA_BOOTSTRAP_SERVERS. */
  readonly broker: 'found' | 'started' | 'kafka'
  /** Topic of `kafka-sse produce` if none is named. */
  readonly producedTopic: string
  /** As it was given to this demo, for the command that starts it again. */
  readonly configFile?: string | undefined
}

/** The options that tell whose a record is. `where` alone tells who may read all of them. */
const NARROWING = ['key', 'headers', 'fields'] as const
const RECORD = `'{ "id": 1, "name": "Hello World!"}'`

export function demoGuide(options: ServerOptions, port: number, surroundings: DemoSurroundings): string {
  const origin = `${options.tls === null ? 'http' : 'https'}://${hostOf(options)}:${port}`
  const stream = options.streams.find(isForEveryone)
  return [
    ...surroundings.made,
    ...options.streams.map((each) => `${origin}${each.path} streams ${topicWords(each)}.`),
    `The records are from ${brokerWords(options, surroundings)}.`,
    ...pageLines(origin, options),
    '',
    ...(stream === undefined ? privateLines() : streamLines(origin, stream, options, surroundings)),
    ...restartLines(options, surroundings),
    '',
  ].join('\n')
}

/** Whether any token of the demo opens the stream, at its path as it is written. */
function isForEveryone({ path, topic, key, headers, fields, where, scope }: ResolvedStream): boolean {
  if (/[:*{]/.test(path + topic) || (scope !== null && scope !== DEMO_SCOPE)) return false
  return [key, headers, fields, where].every((option) => option === undefined)
}

function topicWords(stream: ResolvedStream): string {
  const { topic, topics } = stream
  const whole = topics === undefined ? `the topic ${topic}` : `the topics ${topics.join(', ')}`
  const part = NARROWING.some((option) => stream[option] !== undefined) ? "a client's part of " : ''
  return `${part}${whole}${stream.encoding === 'envelope' ? ', with keys and headers' : ''}`
}

function privateLines(): string[] {
  return ['Path and token decide what a client gets: docs/private-streams.md has commands to try it.', '']
}

function streamLines(
  origin: string,
  { path, topic, select }: ResolvedStream,
  options: ServerOptions,
  surroundings: DemoSurroundings,
): string[] {
  const url = `${origin}${path}`
  const named = topic === surroundings.producedTopic ? '' : `--topic ${topic} `
  return [
    'In another terminal, in this folder:',
    '',
    '  # a token that is valid for 30 seconds, and the stream, which asks for a new one after 20',
    '  export JWT_TOKEN=$(npx kafka-sse token)',
    `  ${curl(options)} "${url}?access_token=\${JWT_TOKEN}"`,
    '',
    '  # a record, from a third terminal',
    `  ${producePrefix(options, surroundings)}npx kafka-sse produce ${named}--key 1 ${RECORD}`,
    '',
    '  # or a client that answers each challenge, for as long as you like',
    `  npx kafka-sse tail ${url}`,
    '',
    ...(select?.includes('key') ? keyLines(url) : []),
  ]
}

function keyLines(url: string): string[] {
  return ['  # the records of some keys alone', `  npx kafka-sse tail ${url} --key 1 --key 2`, '']
}

function pageLines(origin: string, { demo }: ServerOptions): string[] {
  const page = `The page: ${origin}/index.html`
  return [demo?.tokens ? page : `${page} (it asks for a token; with DEMO_TOKENS=on it gets one by itself)`]
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

function restartLines({ streams }: ServerOptions, surroundings: DemoSurroundings): string[] {
  const { broker, producedTopic } = surroundings
  const again = startCommand(surroundings)
  if (broker !== 'started') {
    return [
      'Stop and start, with nothing lost: Ctrl-C here, produce a record or two, then here again',
      '',
      `  ${again}`,
      '',
      'and clients that come back get them.',
    ]
  }
  const topics = [...new Set(streams.flatMap(({ topic, topics: listed }) => listed ?? [topic]))]
  const named = topics.filter((topic) => topics.length > 1 || topic !== producedTopic)
  const separate = ['npx kafka-sse broker', ...named.map((topic) => `--topic ${topic}`)].join(' ')
  return [
    'Ctrl-C ends the server, and the broker with it. To see a server stop and start with nothing lost: Ctrl-C, then',
    '',
    `  ${separate}    # in another terminal: this broker outlives the server`,
    `  ${again.padEnd(24)}# here: the server, on that broker`,
    '',
    'From then on Ctrl-C stops the server alone: produce a record or two, start it again,',
    'and clients that come back get them.',
  ]
}

function startCommand({ configFile }: DemoSurroundings): string {
  const command = process.env.npm_lifecycle_event === 'start' ? 'npm start' : 'npx kafka-sse demo'
  if (!configFile) return command
  return `CONFIG_FILE=${shellWord(configFile)} ${command}`
}

function hostOf({ host }: ServerOptions): string {
  if (answersAsLocalhost(host)) return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
