// `kafka-sse serve`: the server in production. It generates nothing: what is missing or does not fit is named, a line
// each, and it does not start. It knows nothing of the demo's keys and refuses to be given them (src/config/key-files.ts).

import type { SignalQueue } from '../app/stop-signals.ts'
import { parseEnvironment } from '../config/parse.ts'
import { runServer } from '../server.ts'
import { tellProblem } from './problem.ts'

const HELP = `kafka-sse serve

Streams Kafka topics to whoever holds a token. Everything is set by the environment; docs/configuration.md has it all.

  KAFKA_BOOTSTRAP_SERVERS      host:port, several separated by commas
  JWT_ISSUER, JWT_AUDIENCE     what a token's iss and aud must be
  JWT_KEYS                     URL, file or PEM; without it found by the issuer's discovery document
  TLS_CERT_FILE, TLS_KEY_FILE  PEM files; or TLS=off behind a proxy that ends TLS
`

export async function serve(args: string[], env: NodeJS.ProcessEnv, signals: SignalQueue): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP)
    return 0
  }
  try {
    if (args.length > 0) throw new Error(`serve takes no arguments, and was given ${args[0]}`)
    return await runServer(await parseEnvironment(env), signals, () => {})
  } catch (error) {
    return tellProblem(error)
  }
}
