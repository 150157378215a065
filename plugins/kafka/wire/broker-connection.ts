// A connection to one broker in Kafka's own protocol, for what librdkafka's binding has no call for. It takes the same
// properties. Promise: every answer comes within a stated time or not at all, and no secret is in an error.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import type { KafkaOptions } from '../../../src/options.ts'
import { bytesField, FieldReader, int16Field, int32Field, textField } from './fields.ts'
import { isScramServer, type ScramHash, scramFinal, scramFirst } from './scram.ts'

export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

type Properties = NonNullable<KafkaOptions['config']>

const CLIENT_ID = 'fastify-kafka-sse'
/** For the whole of a connection: it is opened, asks a question or two, and is closed. */
const LIFE_MS = 5_000
const ANSWER_BYTES_MAX = 8_388_608
const SASL_HANDSHAKE = { key: 17, version: 1 }
const SASL_AUTHENTICATE = { key: 36, version: 0 }
const SCRAM_HASHES: Readonly<Record<string, ScramHash>> = {
  'SCRAM-SHA-256': 'sha256',
  'SCRAM-SHA-512': 'sha512',
}
/** TLS properties that have a twin here. With any other the connection would be another one than librdkafka's. */
const TLS_PROPERTIES = new Set([
  'ssl.ca.location',
  'ssl.ca.pem',
  'ssl.certificate.location',
  'ssl.certificate.pem',
  'ssl.key.location',
  'ssl.key.pem',
  'ssl.key.password',
  'ssl.endpoint.identification.algorithm',
])

/** Whether a connection can be made in the way that these properties ask for. */
export function canConnect({ config = {} }: KafkaOptions): boolean {
  const protocol = protocolOf(config)
  const hasLogin =
    !protocol.startsWith('sasl_') || mechanismOf(config) === 'PLAIN' || mechanismOf(config) in SCRAM_HASHES
  const isTlsKnown = Object.keys(config).every((name) => !name.startsWith('ssl.') || TLS_PROPERTIES.has(name))
  return hasLogin && (isTlsKnown || !protocol.endsWith('ssl'))
}

export class BrokerConnection {
  private readonly socket: Socket
  private readonly late: NodeJS.Timeout
  private readonly received: AsyncIterator<Buffer>
  private unread = Buffer.alloc(0)
  private asked = 0

  private constructor(socket: Socket) {
    this.socket = socket
    this.received = socket[Symbol.asyncIterator]()
    // An error is thrown by what waits for the socket; while nothing does, it must not end the process.
    socket.on('error', () => {})
    this.late = setTimeout(() => socket.destroy(new Error(`no answer within ${LIFE_MS / 1000} s`)), LIFE_MS)
  }

  /** Resolves when the broker has let this client in. */
  static async open({ config = {} }: KafkaOptions, { host, port }: BrokerAddress): Promise<BrokerConnection> {
    const protocol = protocolOf(config)
    const isSecure = protocol.endsWith('ssl')
    const socket = isSecure ? connectTls({ host, port, ...tlsOf(config, host) }) : connect({ host, port })
    const connection = new BrokerConnection(socket)
    try {
      await once(socket, isSecure ? 'secureConnect' : 'connect')
      if (protocol.startsWith('sasl_')) await connection.logIn(config)
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }

  /** Resolves with the answer's fields. One question at a time. */
  async ask(
    { key, version }: { readonly key: number; readonly version: number },
    fields: Buffer,
  ): Promise<FieldReader> {
    const id = ++this.asked
    const head = [int16Field(key), int16Field(version), int32Field(id), textField(CLIENT_ID)]
    this.socket.write(bytesField(Buffer.concat([...head, fields])))
    const length = (await this.take(4)).readInt32BE()
    if (length < 4 || length > ANSWER_BYTES_MAX)
      throw new Error('what answers does not speak the protocol of Kafka')
    const answer = new FieldReader(await this.take(length))
    if (answer.int32() !== id) throw new Error('the broker has answered another question')
    return answer
  }

  close(): void {
    clearTimeout(this.late)
    this.socket.destroy()
  }

  private async take(length: number): Promise<Buffer> {
    while (this.unread.length < length) {
      const { value, done } = await this.received.next()
      if (done === true) throw new Error('the broker has closed the connection')
      this.unread = Buffer.concat([this.unread, value])
    }
    const taken = this.unread.subarray(0, length)
    this.unread = this.unread.subarray(length)
    return taken
  }

  private async logIn(config: Properties): Promise<void> {
    const mechanism = mechanismOf(config)
    const handshake = await this.ask(SASL_HANDSHAKE, textField(mechanism))
    if (handshake.int16() !== 0) throw new Error(`the broker takes no login by ${mechanism}`)
    const user = String(config['sasl.username'] ?? '')
    const password = String(config['sasl.password'] ?? '')
    const hash = SCRAM_HASHES[mechanism]
    if (hash === undefined) {
      await this.authenticate(`\0${user}\0${password}`)
      return
    }
    const login = { user, password, nonce: randomBytes(24).toString('base64url') }
    const final = scramFinal(login, await this.authenticate(scramFirst(login)), hash)
    const answer = await this.authenticate(final.message)
    if (!isScramServer(final, answer)) throw new Error('the broker has not proved that it knows the password')
  }

  private async authenticate(message: string): Promise<string> {
    const answer = await this.ask(SASL_AUTHENTICATE, bytesField(Buffer.from(message)))
    if (answer.int16() !== 0) throw new Error('the broker refuses the login')
    answer.nullableText()
    return answer.bytesOf().toString()
  }
}

function protocolOf(config: Properties): string {
  return String(config['security.protocol'] ?? 'plaintext').toLowerCase()
}

/** librdkafka has two names for it, and GSSAPI for its default. */
function mechanismOf(config: Properties): string {
  return String(config['sasl.mechanism'] ?? config['sasl.mechanisms'] ?? 'GSSAPI')
}

function tlsOf(config: Properties, host: string): ConnectionOptions {
  const pem = (name: string): string | undefined => {
    const [text, path] = [config[`ssl.${name}.pem`], config[`ssl.${name}.location`]]
    return text === undefined && path !== undefined ? readFileSync(String(path), 'utf8') : text?.toString()
  }
  const [ca, cert, key] = ['ca', 'certificate', 'key'].map(pem)
  const passphrase = config['ssl.key.password']
  return {
    ...(isIP(host) === 0 && { servername: host }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase: String(passphrase) }),
    rejectUnauthorized: String(config['enable.ssl.certificate.verification'] ?? true) !== 'false',
    ...(config['ssl.endpoint.identification.algorithm'] === 'none' && {
      checkServerIdentity: () => undefined,
    }),
  }
}
