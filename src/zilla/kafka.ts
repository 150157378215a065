// What lies behind a Zilla stream: its caches, and the client of Kafka with its TLS, as `kafka` of ours.

import type { Binding, Bindings } from './bindings.ts'
import type { Notes } from './notes.ts'
import type { YamlPlace } from './place.ts'
import { hasResolver, variableOf } from './templates.ts'

/** By what a file may write: a Map, because it may write `constructor`. */
const MECHANISMS: ReadonlyMap<string, string> = new Map([
  ['plain', 'PLAIN'],
  ['scram-sha-1', 'SCRAM-SHA-1'],
  ['scram-sha-256', 'SCRAM-SHA-256'],
  ['scram-sha-512', 'SCRAM-SHA-512'],
])

export class KafkaSide {
  /** Topics that the caches name. */
  readonly topics = new Set<string>()
  private readonly servers: string[] = []
  /** A binding may lead elsewhere, too, and be entered from there. */
  private readonly followed = new Set<Binding>()
  private readonly config: Record<string, string> = {}
  private readonly bindings: Bindings
  private readonly notes: Notes
  private hasTls = false
  private hasSasl = false

  constructor(bindings: Bindings, notes: Notes) {
    this.bindings = bindings
    this.notes = notes
  }

  get options(): Record<string, unknown> {
    const protocol = `${this.hasSasl ? 'sasl_' : ''}${this.hasTls ? 'ssl' : 'plaintext'}`
    const config =
      protocol === 'plaintext' ? {} : { config: { 'security.protocol': protocol, ...this.config } }
    return { ...(this.servers.length > 0 && { bootstrapServers: this.servers.join(',') }), ...config }
  }

  /** Follows the exits of a binding to Kafka. */
  follow(name: string | null, from: YamlPlace): void {
    const binding = this.bindings.named(name, from)
    if (binding === null || this.followed.has(binding)) return
    this.followed.add(binding)
    this.bindings.enter(binding)
    if (binding.type === 'kafka cache_client' || binding.type === 'kafka cache_server') this.cache(binding)
    else if (binding.type === 'kafka client') this.client(binding)
    else if (binding.type === 'tls client') this.tls(binding)
    else if (binding.type === 'tcp client') this.tcp(binding)
    else {
      this.notes.add(binding.place, `${binding.type} is no way to Kafka that can be converted`)
      return
    }
    for (const route of binding.routes) {
      if (route.when.length > 0) this.notes.say(route.place, 'all topics are read from the same brokers here')
      for (const condition of route.when) condition.readAll()
      this.follow(route.exit, route.place)
    }
  }

  private cache({ options }: Binding): void {
    for (const topic of options?.member('bootstrap')?.items() ?? []) this.topic(topic)
    for (const topic of options?.member('topics')?.items() ?? []) {
      const name = topic.member('name')
      if (name !== null) this.topic(name)
      for (const [member, place] of topic.members()) {
        if (member === 'name') continue
        if (member === 'deltaType' && place.text() === 'none') continue
        if (member === 'defaultOffset' && place.text() === 'historical') continue
        this.notes.add(place, TOPIC_ADVICE.get(member) ?? 'is not converted')
      }
    }
  }

  private topic(place: YamlPlace): void {
    const name = place.text()
    if (name !== null) this.topics.add(name)
  }

  private client({ options }: Binding): void {
    for (const server of options?.member('servers')?.items() ?? []) this.server(server, server.text() ?? '')
    const guards = options?.member('authorization')?.members() ?? []
    for (const [, guard] of guards) this.sasl(guard.member('credentials'))
    this.sasl(options?.member('sasl') ?? null)
  }

  private server(place: YamlPlace, text: string): void {
    const variable = variableOf(text)
    if (variable !== null) this.notes.add(place, `set KAFKA_BOOTSTRAP_SERVERS to what ${variable} is`)
    else if (hasResolver(text))
      this.notes.add(place, 'has a part of the environment: set KAFKA_BOOTSTRAP_SERVERS')
    else this.servers.push(text)
  }

  private sasl(credentials: YamlPlace | null): void {
    if (credentials === null) return
    const mechanism = credentials.member('mechanism')
    const name = MECHANISMS.get(mechanism?.text() ?? '')
    if (name === undefined) {
      this.notes.add(
        credentials,
        'this mechanism is not converted: set KAFKA_CONFIG_SASL_MECHANISMS and what it needs',
      )
      return
    }
    this.hasSasl = true
    this.config['sasl.mechanisms'] = name
    this.credential(credentials.member('username'), 'KAFKA_CONFIG_SASL_USERNAME', 'sasl.username')
    this.credential(credentials.member('password'), 'KAFKA_CONFIG_SASL_PASSWORD', null)
  }

  /** `property`: where the text may stand in the file; null for a secret, which belongs to no file of options. */
  private credential(place: YamlPlace | null, setting: string, property: string | null): void {
    const text = place?.text() ?? null
    if (place === null || text === null) return
    const variable = variableOf(text)
    if (variable !== null) this.notes.add(place, `set ${setting} to what ${variable} is`)
    else if (property !== null && !hasResolver(text)) this.config[property] = text
    else this.notes.add(place, `set ${setting}_FILE to the path of a file that holds it`)
  }

  private tls({ place, options }: Binding): void {
    this.hasTls = true
    const vault = place.member('vault')?.text() ?? null
    for (const name of ['trust', 'keys', 'signers']) {
      const member = options?.member(name) ?? null
      if (member !== null) this.notes.add(member, tlsAdvice(name, vault))
    }
    options?.member('trustcacerts')?.readAll()
    options?.member('sni')?.readAll()
    options?.member('version')?.readAll()
  }

  /** Of a Kafka client that names no servers, this is the server. */
  private tcp({ options }: Binding): void {
    const [host, port] = ['host', 'port'].map((name) => options?.member(name) ?? null)
    if (!host || !port || this.servers.length > 0) return
    const [first] = port.items()
    this.server(host, `${host.text() ?? ''}:${first?.text() ?? ''}`)
  }
}

const TOPIC_ADVICE: ReadonlyMap<string, string> = new Map([
  [
    'defaultOffset',
    "a topic's past is read here: set replay to none for streams whose clients want what is new alone",
  ],
  ['deltaType', 'deltas are not sent here'],
  ['key', 'keys are not validated or converted here: clients get what is in Kafka'],
  [
    'value',
    'values are not validated or converted here: clients get the bytes that are in Kafka (encoding text or base64)',
  ],
  ['transforms', 'keys and headers cannot be taken from values here: select by fields instead'],
])

function tlsAdvice(name: string, vault: string | null): string {
  const from = vault === null ? '' : ` (of the vault ${vault})`
  if (name === 'keys') {
    return `write certificate and key${from} as PEM, and set KAFKA_CONFIG_SSL_CERTIFICATE_LOCATION and KAFKA_CONFIG_SSL_KEY_LOCATION`
  }
  return `write the authorities${from} as PEM, and set KAFKA_CONFIG_SSL_CA_LOCATION`
}
