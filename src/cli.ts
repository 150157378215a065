#!/usr/bin/env -S node --max-semi-space-size=4
// The `kafka-sse` program: loads only the command that is named, so that `token` does not wait for librdkafka. The size
// of Node's young generation is set above, in the Dockerfile and in `npm start`. With the default size, a server that
// has loaded a topic uses 30 MiB more, and is no faster (docs/performance.md).

import { EXIT_DONE, exit, isInstallationFault, outliveOutputs, tellProblems } from './app/exit.ts'
import { packageVersion } from './app/package-path.ts'
import { processSignals, type SignalQueue } from './app/stop-signals.ts'
import { nearestName } from './config/suggestion.ts'
import { quoted } from './text/quoted.ts'

type Command = (args: string[], env: NodeJS.ProcessEnv) => Promise<number>
type Server = (args: string[], env: NodeJS.ProcessEnv, signals: SignalQueue) => Promise<number>

interface CommandEntry {
  readonly words: string
  readonly load: () => Promise<Command>
}

/** A command that serves. When it ends, the process exits, even if handles are still open. */
interface ServerEntry {
  readonly words: string
  readonly loadServer: () => Promise<Server>
}

type Entry = CommandEntry | ServerEntry

const COMMANDS: ReadonlyMap<string, Entry> = new Map([
  [
    'demo',
    {
      words: 'runs a server with a generated broker, keys and page',
      loadServer: async () => (await import('./commands/demo.ts')).demo,
    },
  ],
  [
    'serve',
    {
      words: 'runs the server, configured by the environment',
      loadServer: async () => (await import('./commands/serve.ts')).serve,
    },
  ],
  [
    'check',
    {
      words: 'checks settings, certificate, Kafka, keys, a token and a proxy',
      load: async () => (await import('./commands/check.ts')).check,
    },
  ],
  [
    'broker',
    {
      words: "runs the demo's Kafka broker by itself",
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
    'revoke',
    {
      words: 'ends the streams of a user, and refuses the tokens',
      load: async () => (await import('./commands/revoke.ts')).revoke,
    },
  ],
  [
    'subject',
    {
      words: 'prints how the log calls a user',
      load: async () => (await import('./commands/subject.ts')).subject,
    },
  ],
  [
    'features',
    {
      words: 'prints which features librdkafka was built without',
      load: async () => (await import('./commands/features.ts')).features,
    },
  ],
  [
    'schema',
    {
      words: 'prints the JSON Schema of CONFIG_FILE, for editors',
      load: async () => (await import('./commands/schema.ts')).schema,
    },
  ],
  [
    'convert',
    {
      words: 'prints the CONFIG_FILE of a zilla.yaml',
      load: async () => (await import('./commands/convert.ts')).convert,
    },
  ],
])

outliveOutputs()
process.exitCode = await run(process.argv.slice(2), process.env).catch(notInstalled)

async function run([name, ...args]: string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (name === '--version' || name === '-v') return print(`${await packageVersion()}\n`)
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') return print(help())
  const command = COMMANDS.get(name)
  if (command !== undefined) {
    return 'load' in command ? (await command.load())(args, env) : runServing(command, args, env)
  }
  const nearest = nearestName(name, COMMANDS.keys())
  const question = nearest === null ? 'kafka-sse --help lists them' : `did you mean ${nearest}?`
  return tellProblems(new Error(`${quoted(name)} is not a command; ${question}`))
}

/** Commands that need librdkafka cannot be loaded without it. */
function notInstalled(error: unknown): number {
  if (!isInstallationFault(error)) throw error
  return tellProblems(error)
}

/**
 * Handles signals before the server is loaded. A signal that comes before the server has taken them over ends the
 * process with EXIT_DONE.
 */
async function runServing(
  { loadServer }: ServerEntry,
  args: string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const signals = processSignals()
  const stopped = new Promise<number>((resolve) => {
    signals.onEarly = () => resolve(EXIT_DONE)
  })
  const code = await Promise.race([loadServer().then((serve) => serve(args, env, signals)), stopped])
  return exit(code, signals)
}

function print(text: string): number {
  process.stdout.write(text)
  return EXIT_DONE
}

function help(): string {
  const lines = [...COMMANDS].map(([name, { words }]) => `  ${name.padEnd(10)}${words}`)
  return [
    'kafka-sse COMMAND [options]',
    '',
    ...lines,
    '',
    'kafka-sse COMMAND --help prints its options. Settings are in docs/configuration.md.',
    '',
  ].join('\n')
}
