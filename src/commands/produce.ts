// `kafka-sse produce`: writes records to Kafka, from its arguments or from the lines of standard input. Promise: it
// ends when Kafka has acknowledged every record, or with one line for the first failure.

import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { ParseArgsConfig } from 'node:util'
import { type ProducedRecord, RecordProducer } from '../../plugins/kafka/client/producer.ts'
import { EXIT_DONE, tellProblems } from '../app/exit.ts'
import { ONLY_STREAM } from '../config/streams/single-stream-settings.ts'
import { quoted } from '../text/quoted.ts'
import { type Given, nameAndValue, type Outputs, runCommand } from './command-line.ts'
import { Deliveries } from './deliveries.ts'
import { findKafka } from './kafka-target.ts'

const HELP = `kafka-sse produce [VALUE] [options]

Writes a record to Kafka; without VALUE, one for each line of standard input.

  -k, --key KEY           the key of the records
  -K, --key-separator TEXT
                          each line is KEY, TEXT, VALUE
  -Z, --empty-deletes     an empty VALUE is a tombstone, which deletes the key
  --delete                write a tombstone for --key
  -H, --header NAME=VALUE
                          a header of the records; may be repeated
  -t, --topic NAME        the topic (default $KAFKA_TOPIC or ${ONLY_STREAM.topic})
  -p, --partition NUMBER  the partition (default: chosen by the key)
  -b, --bootstrap-servers HOST:PORT,...
                          brokers (default $KAFKA_BOOTSTRAP_SERVERS, or the embedded broker of this folder)

KAFKA_CONFIG_* variables set librdkafka properties, as for the server.
`

const OPTIONS = {
  key: { type: 'string', short: 'k' },
  'key-separator': { type: 'string', short: 'K' },
  'empty-deletes': { type: 'boolean', short: 'Z', default: false },
  delete: { type: 'boolean', default: false },
  header: { type: 'string', short: 'H', multiple: true },
  topic: { type: 'string', short: 't' },
  partition: { type: 'string', short: 'p' },
  'bootstrap-servers': { type: 'string', short: 'b' },
} satisfies ParseArgsConfig['options']

/** Where the command reads and writes: the process, or a test. */
export interface ProduceTerminal extends Outputs {
  readonly stdin: Readable
  /** The folder whose embedded broker is used. */
  readonly folder: string
}

/** Resolves with EXIT_DONE when Kafka has acknowledged every record. */
export async function produce(
  args: string[],
  env: NodeJS.ProcessEnv,
  terminal: ProduceTerminal = { ...processStreams(), folder: process.cwd() },
): Promise<number> {
  const line = { help: HELP, options: OPTIONS, allowPositionals: true }
  return runCommand(line, args, async (given) => write(readArguments(given), env, terminal), terminal)
}

function processStreams() {
  const { stdin, stdout, stderr } = process
  return { stdin, stdout, stderr }
}

interface ProduceArguments {
  /** null: a record for each line of standard input. */
  readonly value: string | null
  readonly key: string | null
  readonly keySeparator: string | null
  readonly tombstone: boolean
  readonly emptyDeletes: boolean
  readonly headers: { name: string; value: string }[]
  readonly topic: string | null
  readonly partition: number | null
  readonly bootstrapServers: string | undefined
}

/** Throws an error of one line for arguments that are invalid or contradict each other. */
function readArguments({ values, positionals }: Given<typeof OPTIONS>): ProduceArguments {
  if (positionals.length > 1) throw new Error('produce takes one VALUE: put it in quotes if it has spaces')
  const given: ProduceArguments = {
    value: positionals[0] ?? null,
    key: values.key ?? null,
    keySeparator: values['key-separator'] ?? null,
    tombstone: values.delete,
    emptyDeletes: values['empty-deletes'],
    headers: (values.header ?? []).map(headerOf),
    topic: values.topic ?? null,
    partition: values.partition === undefined ? null : partitionOf(values.partition),
    bootstrapServers: values['bootstrap-servers'],
  }
  refuseContradictions(given)
  return given
}

function refuseContradictions(given: ProduceArguments): void {
  const { value, key, keySeparator, tombstone, emptyDeletes, topic } = given
  if (emptyDeletes && key === null && keySeparator === null)
    throw new Error('--empty-deletes needs --key or --key-separator: the key to delete')
  if (topic === '') throw new Error('--topic is empty')
  if (tombstone && key === null) throw new Error('--delete needs --key: the key to delete')
  if (tombstone && value !== null) throw new Error('--delete takes no VALUE')
  if (keySeparator === '') throw new Error('--key-separator is empty')
  if (keySeparator === null) return
  if (key !== null) throw new Error('--key and --key-separator: keep one of them')
  if (value !== null) throw new Error('--key-separator is for lines of standard input; give --key')
}

function headerOf(text: string): { name: string; value: string } {
  const [name, value] = nameAndValue('--header', text)
  return { name, value }
}

function partitionOf(text: string): number {
  const partition = Number(text)
  if (!/^\d+$/.test(text) || partition > 0x7fffffff)
    throw new Error(`--partition ${text} is not a partition's number`)
  return partition
}

async function write(
  given: ProduceArguments,
  env: NodeJS.ProcessEnv,
  terminal: ProduceTerminal,
): Promise<number> {
  const { kafka, topic } = await findKafka(given.bootstrapServers, env, terminal.folder)
  const producer = new RecordProducer(kafka, (words) => tellProblems(new Error(words), terminal.stderr))
  await producer.connect()
  try {
    const target = given.topic ?? topic
    const deliveries = new Deliveries()
    for await (const { key, value } of keysAndValues(given, terminal.stdin)) {
      const isTombstone = value === '' && given.emptyDeletes
      const contents = { key: bytes(key), value: isTombstone ? null : bytes(value) }
      const record: ProducedRecord = { ...given, topic: target, ...contents }
      deliveries.add((await producer.produce(record)).delivered)
      deliveries.throwIfFailed()
    }
    terminal.stdout.write(`${await deliveries.summary(target)}\n`)
    return EXIT_DONE
  } finally {
    await producer.close()
  }
}

interface KeyAndValue {
  readonly key: string | null
  readonly value: string | null
}

async function* keysAndValues(given: ProduceArguments, stdin: Readable): AsyncGenerator<KeyAndValue> {
  const { key, value, tombstone, keySeparator } = given
  if (tombstone || value !== null) {
    yield { key, value: tombstone ? null : value }
    return
  }
  let number = 0
  for await (const line of createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    yield keySeparator === null ? { key, value: line } : separate(line, keySeparator, ++number)
  }
}

function separate(line: string, separator: string, number: number): KeyAndValue {
  const at = line.indexOf(separator)
  if (at === -1) throw new Error(`line ${number} has no ${quoted(separator)} in it`)
  return { key: line.slice(0, at), value: line.slice(at + separator.length) }
}

function bytes(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text)
}
