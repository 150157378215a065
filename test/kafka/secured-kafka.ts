// A real Kafka whose clients need TLS, a password and, for each topic, a right: SASL_SSL with PLAIN, and the
// StandardAuthorizer. A listener of its own, without any of these, is for the test that sets it up.

import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { localCertificates } from '../support/certificates.ts'
import { freePort } from '../support/free-port.ts'
import { keepSecret } from '../support/printed.ts'
import { changeRight, type TopicRight } from './acls.ts'
import { kafkaClassPath } from './kafka-jars.ts'
import { freePorts, KafkaNode } from './kafka-node.ts'
import type { Broker } from './wire.ts'

const ID = 1
const HEAP_MEBIBYTES = 384

export class SecuredKafka {
  /** Without TLS, for a super user. */
  readonly adminServers: string
  /** Where everyone else has to go. */
  readonly servers: string
  /** Without TLS; the broker calls itself by an address that cannot be reached. */
  readonly awayServers: string
  private readonly node: KafkaNode
  private readonly folder: string
  private readonly passwords: ReadonlyMap<string, string>

  private constructor(
    node: KafkaNode,
    folder: string,
    { port, away }: { readonly port: number; readonly away: number },
    passwords: SecuredKafka['passwords'],
  ) {
    this.node = node
    this.folder = folder
    this.passwords = passwords
    this.adminServers = node.bootstrapServers
    this.servers = `127.0.0.1:${port}`
    this.awayServers = `127.0.0.1:${away}`
  }

  /** Resolves when it serves; none of the users has a right. */
  static async start(users: readonly string[]): Promise<SecuredKafka> {
    const folder = await mkdtemp(join(tmpdir(), 'kafka-sse-secured-'))
    const { caPem, certificatePem, keyPem } = await localCertificates()
    await writeFile(join(folder, 'ca.pem'), caPem)
    await writeFile(join(folder, 'broker.pem'), keyPem + certificatePem)
    const [port, away, ports] = [await freePort(), await freePort(), await freePorts()]
    const passwords = new Map(users.map((user) => [user, keepSecret(randomBytes(24).toString('base64url'))]))
    const listeners = `PLAINTEXT://127.0.0.1:${ports.client},SASL_SSL://127.0.0.1:${port}`
    const node = await KafkaNode.prepare({
      classPath: await kafkaClassPath(),
      folder: join(folder, 'node'),
      id: ID,
      ports: new Map([[ID, ports]]),
      heapMebibytes: HEAP_MEBIBYTES,
      settings: [
        `listeners=${listeners},AWAY://127.0.0.1:${away},CONTROLLER://127.0.0.1:${ports.controller}`,
        `advertised.listeners=${listeners},AWAY://127.0.0.1:1`,
        'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,AWAY:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT',
        'sasl.enabled.mechanisms=PLAIN',
        `listener.name.sasl_ssl.plain.sasl.jaas.config=${loginModule(passwords)}`,
        'listener.name.sasl_ssl.ssl.keystore.type=PEM',
        `listener.name.sasl_ssl.ssl.keystore.location=${join(folder, 'broker.pem')}`,
        'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users=User:ANONYMOUS',
      ],
    })
    await node.start()
    return new SecuredKafka(node, folder, { port, away }, passwords)
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

function loginModule(passwords: ReadonlyMap<string, string>): string {
  const users = [...passwords].map(([user, password]) => `user_${user}="${password}"`)
  return `org.apache.kafka.common.security.plain.PlainLoginModule required ${users.join(' ')};`
}

function variableOf(property: string): string {
  return `KAFKA_CONFIG_${property.toUpperCase().replaceAll('.', '_')}`
}
