// Whether an address can be reached: its name resolves, and the port takes connections. Promise: ends within 3 s.
// And whether it is one of this machine.

import { connect } from 'node:net'
import { errorCode } from '../errors.ts'

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

const ANSWER_MS = 3_000
const PORT_MAX = 65_535

/** null if a connection was accepted; else why not, as a predicate. Nothing is sent. */
export async function unreachable({ host, port }: HostAndPort): Promise<string | null> {
  // Node would connect to this machine.
  if (host === '') return 'has no name'
  if (port < 1 || port > PORT_MAX) return 'has a port that there is not'
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (words: string | null): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(words)
    }
    const timer = setTimeout(() => end(`does not answer within ${ANSWER_MS / 1000} s`), ANSWER_MS)
    socket.once('connect', () => end(null))
    // Stays, because a socket that was destroyed may emit another one.
    socket.on('error', (error) => end(reasonOf(error)))
  })
}

function reasonOf(error: Error): string {
  const code = errorCode(error)
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `has a name that is not found (${code})`
  if (code === 'ECONNREFUSED') return 'refuses connections: nothing listens there'
  return `cannot be reached (${code ?? 'unknown'})`
}

/**
 * `host:port`, `[::1]:9092`, with or without a protocol as librdkafka takes it; without a port Kafka's own. A user and
 * password, which mean nothing to Kafka, are left out, so that they are not printed.
 */
export function hostAndPort(text: string): HostAndPort {
  const bare = text
    .trim()
    .replace(/^[a-z_]+:\/\//i, '')
    .replace(/^.*@/, '')
  const [, inBrackets, plain, port] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(bare) ?? []
  return { host: inBrackets ?? plain ?? bare, port: port === undefined ? KAFKA_PORT : Number(port) }
}

const KAFKA_PORT = 9092

/** Whether the URL is on this machine: what is sent there crosses no network, and demo keys are used for no other. */
export function isHere({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}
