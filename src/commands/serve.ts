// `kafka-sse serve`: runs the server in production. It generates nothing and refuses the demo's keys
// (src/config/key-files.ts). With missing or invalid settings it prints a line for each, and does not start.

import type { SignalQueue } from '../app/stop-signals.ts'
import { settingFiles } from '../config/environment.ts'
import { parseEnvironment } from '../config/parse.ts'
import { inheritedSockets } from '../http/inherited-sockets.ts'
import { readSettled } from '../reload/replaced-files.ts'
import { runServer } from '../server.ts'
import { runCommand } from './command-line.ts'

const HELP = `kafka-sse serve

Streams Kafka topics to clients with a token. Environment variables configure it; docs/configuration.md has them all.

  KAFKA_BOOTSTRAP_SERVERS      host:port, several separated by commas
  JWT_ISSUER, JWT_AUDIENCE     the iss and aud that a token must have
  JWT_KEYS                     URL, file or PEM text (default: from the issuer's discovery document)
  TLS_CERT_FILE, TLS_KEY_FILE  PEM files; or TLS=off behind a proxy that ends TLS
`

export async function serve(args: string[], env: NodeJS.ProcessEnv, signals: SignalQueue): Promise<number> {
  const readOnce = async () =>
    parseEnvironment(env, process.cwd(), inheritedSockets(env, process.pid) !== null)
  const read = () => readSettled(readOnce)
  const rereading = { read, files: settingFiles(env) }
  return runCommand({ help: HELP, options: {} }, args, async () =>
    runServer(await read(), signals, rereading, () => {}),
  )
}
