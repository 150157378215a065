// What a server of Zilla listens at, as settings of the environment: no file of options has them.

import { shellWord } from '../text/shell-word.ts'
import type { Binding } from './bindings.ts'
import type { Notes } from './notes.ts'
import type { YamlPlace } from './place.ts'
import { variableOf } from './templates.ts'

const PORT = '7143'
const HOST = '0.0.0.0'

/** Settings of the whole process: of several servers the first one counts. */
export class ServerSide {
  private readonly vaults: YamlPlace | null
  private readonly notes: Notes
  private hasPort = false
  private hasTls = false

  constructor(vaults: YamlPlace | null, notes: Notes) {
    this.vaults = vaults
    this.notes = notes
  }

  tcp({ place, options, routes }: Binding): void {
    const [host, port] = ['host', 'port'].map((name) => options?.member(name) ?? null)
    for (const { when } of routes) for (const condition of when) this.tcpCondition(condition)
    if (this.hasPort) {
      this.notes.say(place, 'a process listens at one port here: run a second one, or a proxy in front')
      return
    }
    this.hasPort = true
    if (host && host.text() !== HOST) this.notes.add(host, this.setting('HOST', host))
    const [first, second] = port?.items() ?? []
    if (second !== undefined)
      this.notes.say(second, 'a process listens at one port here: this one is not converted')
    if (first !== undefined && first.text() !== PORT) this.notes.add(first, this.setting('PORT', first))
  }

  tls({ place, options }: Binding): void {
    this.hasTls = true
    const vault = place.member('vault')
    const name = vault?.text() ?? ''
    this.vault(this.vaults?.member(name) ?? null, vault ?? place)
    for (const member of ['keys', 'sni', 'alpn', 'version']) options?.member(member)?.readAll()
    for (const member of ['trust', 'trustcacerts', 'mutual', 'signers', 'authorization']) {
      const option = options?.member(member) ?? null
      if (option === null || (member === 'mutual' && option.text() === 'none')) continue
      this.notes.add(option, 'no client certificate is asked for here: let a proxy in front ask for it')
    }
  }

  /** Says what the listener needs, once all servers are known. */
  finish(http: YamlPlace | null): void {
    if (http !== null && !this.hasTls) {
      this.notes.say(http, 'no TLS in front of it: set TLS=off, and let a proxy end TLS')
    }
  }

  private setting(name: string, place: YamlPlace): string {
    const text = place.text() ?? ''
    const variable = variableOf(text)
    if (variable !== null) return `set ${name} to what ${variable} is`
    const isRange = name === 'PORT' && !/^\d+$/.test(text)
    return isRange ? 'a process listens at one port here: set PORT' : `set ${name}=${shellWord(text)}`
  }

  private tcpCondition(condition: YamlPlace): void {
    for (const [member, place] of condition.members()) {
      if (member === 'port') place.readAll()
      else this.notes.add(place, 'every client may connect here: limit it in a firewall or a proxy')
    }
  }

  /** Its key store is of Java's kind; Node reads PEM. */
  private vault(place: YamlPlace | null, from: YamlPlace): void {
    const keys = place?.at('options', 'keys') ?? null
    const store = keys?.member('store')?.text() ?? null
    if (place === null || keys === null || store === null) {
      this.notes.say(from, 'set TLS_CERT_FILE and TLS_KEY_FILE to its certificate and key in PEM')
      return
    }
    place.readAll()
    const variable = variableOf(keys.member('password')?.text() ?? '')
    const read = `openssl pkcs12 -in ${shellWord(store)}${variable === null ? '' : ` -passin env:${variable}`}`
    this.notes.say(
      keys,
      `set TLS_CERT_FILE=server.crt and TLS_KEY_FILE=server.key, made by: ` +
        `${read} -nokeys -out server.crt && ${read} -nocerts -nodes -out server.key`,
    )
  }
}

/** What watches a server: ours has it built in. */
export function convertTelemetry(telemetry: YamlPlace | null, notes: Notes): void {
  telemetry?.member('metrics')?.readAll()
  telemetry?.member('attributes')?.readAll()
  for (const [, exporter] of telemetry?.member('exporters')?.members() ?? []) {
    const type = exporter.member('type')?.text()
    if (type === 'stdout') exporter.readAll()
    else if (type === 'prometheus')
      notes.add(exporter, 'metrics are at http://127.0.0.1:9464/metrics: set ADMIN_HOST and ADMIN_PORT')
    else if (type === 'otlp')
      notes.add(exporter, 'set OTEL_EXPORTER_OTLP_ENDPOINT for traces; metrics are for Prometheus to fetch')
    else
      notes.add(
        exporter,
        `an exporter of type ${type} has no counterpart: collect standard output and /metrics`,
      )
  }
}
