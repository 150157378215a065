#!/usr/bin/env -S node --max-semi-space-size=4
// The `kafka-sse` command: finds the command that is meant and loads that one alone, so that `token` does not wait for
// Kafka's library nor `tail` for the server. Node's young generation is kept small: with its default a server that has
// loaded a topic stays 30 MiB larger, and is no faster (docs/performance.md). The Dockerfile and `npm start` say the same.

import { readFile } from 'node:fs/promises'
import { nearestName } from './config/suggestion.ts'

type Command = (args: string[], env: NodeJS.ProcessEnv) => Promise<number>

interface Entry {
  readonly words: string
  /** Ends the process with its exit code, whatever is still open in it. */
  readonly isServer?: true
  readonly load: () => Promise<Command>
}

const COMMANDS: ReadonlyMap<string, Entry> = new Map([
  [
    'demo',
    {
      words: 'everything generated: broker, keys, page',
      isServer: true,
      load: async () => (await import('./commands/demo.ts')).demo,
    },
  ],
  [
    'serve',
    {
      words: 'the server, as the environment says',
      isServer: true,
      load: async () => (await import('./commands/serve.ts')).serve,
    },
  ],
  [
    'broker',
    {
      words: "the demo's Kafka broker, on its own",
      load: async () => (await import('./commands/broker.ts')).broker,
    },
  ],
  [
    'token',
    { words: 'prints a token for the demo', load: async () => (await import('./commands/token.ts')).token },
  ],
  [
    'produce',
    {
      words: 'writes records to the topic',
      load: async () => (await import('./commands/produce.ts')).produce,
    },
  ],
  [
    'tail',
    { words: 'prints the events of a stream', load: async () => (await import('./commands/tail.ts')).tail },
  ],
  [
    'features',
    {
      words: "says what its build of Kafka's library lacks",
      load: async () => (await import('./commands/features.ts')).features,
    },
  ],
])

process.exitCode = await run(process.argv.slice(2), process.env)

async function run([name, ...args]: string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (name === '--version' || name === '-v') return print(`${await version()}\n`)
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') return print(help())
  const command = COMMANDS.get(name)
  if (command !== undefined) return runCommand(command, args, env)
  const nearest = nearestName(name, COMMANDS.keys())
  const question = nearest === null ? 'kafka-sse --help lists them' : `did you mean ${nearest}?`
  process.stderr.write(`kafka-sse: ${JSON.stringify(name)} is not a command; ${question}\n`)
  return 1
}

async function runCommand(
  { load, isServer }: Entry,
  args: string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const code = await (await load())(args, env)
  if (!isServer) return code
  const { exit } = await import('./lifetime.ts')
  return exit(code)
}

function print(text: string): 0 {
  process.stdout.write(text)
  return 0
}

function help(): string {
  const lines = [...COMMANDS].map(([name, { words }]) => `  ${name.padEnd(9)}${words}`)
  return `kafka-sse COMMAND [options]\n\n${lines.join('\n')}\n\nkafka-sse COMMAND --help says more. Settings are in docs/configuration.md.\n`
}

/** package.json is two folders up from dist/src, where this runs. */
async function version(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  const { version: current }: { version: string } = JSON.parse(text)
  return current
}
