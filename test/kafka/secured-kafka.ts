// A real Kafka whose clients need TLS, a password and, for each topic, a right: SASL_SSL with PLAIN, if asked also with
// SCRAM-SHA-256, and the StandardAuthorizer. A listener of its own, without any of these, is for the test that sets it
// up. Two more take tokens (SASL OAUTHBEARER) if the test has an identity provider.

import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KafkaToken } from '../../src/options.ts'
import { localCertificates } from '../support/certificates.ts'
import { freePort } from '../support/free-port.ts'
import { mintToken, nowSeconds, type TestKey } from '../support/keys-and-tokens.ts'
import { keepSecret } from '../support/printed.ts'
import { changeRight, type TopicRight } from './acls.ts'
import { kafkaClassPath } from './kafka-jars.ts'
import { freePorts, KafkaNode } from './kafka-node.ts'
import type { Broker } from './wire.ts'

const ID = 1
const HEAP_MEBIBYTES = 384
const SCRAM_MODULE = 'org.apache.kafka.common.security.scram.ScramLoginModule'
const PROTOCOLS =
  'PLAINTEXT:PLAINTEXT,AWAY:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,UNSIGNED:SASL_PLAINTEXT,SIGNED:SASL_PLAINTEXT'
const ALLOWED_URLS = 'org.apache.kafka.sasl.oauthbearer.allowed.urls'

interface Parts {
  readonly node: KafkaNode
  readonly folder: string
  readonly passwords: ReadonlyMap<string, string>
  readonly ports: Doors
}

/** Ports of the listeners for clients. */
interface Doors {
  readonly secured: number
  readonly away: number
  readonly unsigned: number
  readonly signed: number
}

/** Whose tokens the broker takes. */
export interface TokenTrust {
  readonly jwksUrl: string
}

/** How brokers are asked for by a client that logs in with a token. */
export const WITH_TOKEN = { 'security.protocol': 'sasl_plaintext', 'sasl.mechanisms': 'OAUTHBEARER' }

/** A token as Kafka's validator wants it: with `iat`, and without an audience, because it was told none. */
export function kafkaToken(key: TestKey, sub: string, seconds = 60): KafkaToken {
  const times = { iat: nowSeconds(), exp: nowSeconds() + seconds }
  const token = mintToken(key, { claims: { sub, aud: undefined, ...times } })
  return { token, expiresAt: times.exp * 1000 }
}

export class SecuredKafka {
  /** Without TLS, for a super user. */
  readonly adminServers: string
  /** Where everyone else has to go. */
  readonly servers: string
  /** Without TLS; the broker calls itself by an address that cannot be reached. */
  readonly awayServers: string
  /** Takes any token that has not expired, without a signature: Kafka's own validator for development. */
  readonly unsignedServers: string
  /** Takes tokens of the identity provider, by its key set. */
  readonly signedServers: string
  private readonly node: KafkaNode
  private readonly folder: string
  private readonly passwords: ReadonlyMap<string, string>

  private constructor(parts: Parts) {
    const { node, folder, passwords, ports } = parts
    this.node = node
    this.folder = folder
    this.passwords = passwords
    this.adminServers = node.bootstrapServers
    this.servers = `127.0.0.1:${ports.secured}`
    this.awayServers = `127.0.0.1:${ports.away}`
    this.unsignedServers = `127.0.0.1:${ports.unsigned}`
    this.signedServers = `127.0.0.1:${ports.signed}`
  }

  /** Resolves when it serves; none of the users has a right. `trust` null: it takes no tokens. */
  static async start(
    users: readonly string[],
    trust: TokenTrust | null = null,
    { hasScram = false }: { readonly hasScram?: boolean } = {},
  ): Promise<SecuredKafka> {
    const folder = await mkdtemp(join(tmpdir(), 'kafka-sse-secured-'))
    const { caPem, certificatePem, keyPem } = await localCertificates()
    await writeFile(join(folder, 'ca.pem'), caPem)
    await writeFile(join(folder, 'broker.pem'), keyPem + certificatePem)
    const ports = {
      secured: await freePort(),
      away: await freePort(),
      unsigned: await freePort(),
      signed: await freePort(),
    }
    const own = await freePorts()
    const passwords = new Map(users.map((user) => [user, keepSecret(randomBytes(24).toString('base64url'))]))
    const tokenListeners = `,UNSIGNED://127.0.0.1:${ports.unsigned},SIGNED://127.0.0.1:${ports.signed}`
    const listeners = `PLAINTEXT://127.0.0.1:${own.client},SASL_SSL://127.0.0.1:${ports.secured}${trust === null ? '' : tokenListeners}`
    const node = await KafkaNode.prepare({
      classPath: await kafkaClassPath(),
      folder: join(folder, 'node'),
      id: ID,
      ports: new Map([[ID, own]]),
      heapMebibytes: HEAP_MEBIBYTES,
      ...(hasScram && { scram: passwords }),
      settings: [
        `listeners=${listeners},AWAY://127.0.0.1:${ports.away},CONTROLLER://127.0.0.1:${own.controller}`,
        `advertised.listeners=${listeners},AWAY://127.0.0.1:1`,
        `listener.security.protocol.map=${PROTOCOLS}`,
        `sasl.enabled.mechanisms=PLAIN${hasScram ? ',SCRAM-SHA-256' : ''}`,
        `listener.name.sasl_ssl.plain.sasl.jaas.config=${loginModule(passwords)}`,
        `listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=${SCRAM_MODULE} required;`,
        'listener.name.sasl_ssl.ssl.keystore.type=PEM',
        `listener.name.sasl_ssl.ssl.keystore.location=${join(folder, 'broker.pem')}`,
        'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users=User:ANONYMOUS',
        ...(trust === null ? [] : tokenSettings(trust)),
      ],
      // Kafka fetches keys from nowhere else.
      ...(trust !== null && { javaOptions: [`-D${ALLOWED_URLS}=${trust.jwksUrl}`] }),
    })
    await node.start()
    return new SecuredKafka({ node, folder, passwords, ports })
  }

  async allow(user: string, right: TopicRight, topic: string): Promise<void> {
    await changeRight(this.admin, 'allow', { user, right, topic })
  }

  async forbid(user: string, right: TopicRight, topic: string): Promise<void> {
    await changeRight(this.admin, 'forbid', { user, right, topic })
  }

  /** librdkafka's properties for this user. */
  config(user: string): Record<string, string> {
    return {
      'security.protocol': 'sasl_ssl',
      'sasl.mechanisms': 'PLAIN',
      'sasl.username': user,
      'sasl.password': this.passwords.get(user) ?? '',
      'ssl.ca.location': join(this.folder, 'ca.pem'),
    }
  }

  /** The same as variables, and where it is. */
  environment(user: string): Record<string, string> {
    const config = Object.entries(this.config(user)).map(([name, value]) => [variableOf(name), value])
    return { KAFKA_BOOTSTRAP_SERVERS: this.servers, ...Object.fromEntries(config) }
  }

  async close(): Promise<void> {
    await this.node.close()
    await rm(this.folder, { recursive: true, force: true })
  }

  private get admin(): Broker {
    const [host = '', port] = this.adminServers.split(':')
    return { host, port: Number(port) }
  }
}

function tokenSettings({ jwksUrl }: TokenTrust): string[] {
  const bearer = 'org.apache.kafka.common.security.oauthbearer'
  const [unsigned, signed] = ['listener.name.unsigned', 'listener.name.signed']
  return [
    `${unsigned}.sasl.enabled.mechanisms=OAUTHBEARER`,
    `${unsigned}.oauthbearer.sasl.jaas.config=${bearer}.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
    `${signed}.sasl.enabled.mechanisms=OAUTHBEARER`,
    `${signed}.oauthbearer.sasl.jaas.config=${bearer}.OAuthBearerLoginModule required;`,
    `${signed}.oauthbearer.sasl.server.callback.handler.class=${bearer}.OAuthBearerValidatorCallbackHandler`,
    `sasl.oauthbearer.jwt.validator.class=${bearer}.BrokerJwtValidator`,
    `sasl.oauthbearer.jwks.endpoint.url=${jwksUrl}`,
    // A session lasts as long as its token, so that a client that has no newer one is seen.
    'connections.max.reauth.ms=3600000',
  ]
}

function loginModule(passwords: ReadonlyMap<string, string>): string {
  const users = [...passwords].map(([user, password]) => `user_${user}="${password}"`)
  return `org.apache.kafka.common.security.plain.PlainLoginModule required ${users.join(' ')};`
}

function variableOf(property: string): string {
  return `KAFKA_CONFIG_${property.toUpperCase().replaceAll('.', '_')}`
}
