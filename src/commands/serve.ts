// `kafka-sse serve`: the server in production. It generates nothing: it names each setting that is missing or wrong on a line of
// its own, and does not start. It refuses the demo's keys (src/config/key-files.ts).

import type { SignalQueue } from '../app/stop-signals.ts'
import { parseEnvironment } from '../config/parse.ts'
import { runServer } from '../server.ts'
import { runCommand } from './command-line.ts'

const HELP = `kafka-sse serve

Streams Kafka topics to clients that hold a token. The environment sets everything: see docs/configuration.md.

  KAFKA_BOOTSTRAP_SERVERS      host:port, several separated by commas
  JWT_ISSUER, JWT_AUDIENCE     what a token's iss and aud must be
  JWT_KEYS                     URL, file or PEM; without it found by the issuer's discovery document
  TLS_CERT_FILE, TLS_KEY_FILE  PEM files; or TLS=off behind a proxy that ends TLS
`

export async function serve(args: string[], env: NodeJS.ProcessEnv, signals: SignalQueue): Promise<number> {
  return runCommand({ help: HELP, options: {} }, args, async () =>
    runServer(await parseEnvironment(env), signals, () => {}),
  )
}
