// Converts a configuration of Zilla into a CONFIG_FILE. Promise: each line of it is in the result, means nothing here,
// or has a note; and our own schema accepts the result.

import { ConfigError, validatePart } from '../config/parse.ts'
import { convertAccess } from './access.ts'
import { type Binding, Bindings, type ZillaRoute } from './bindings.ts'
import { convertGuard, type Guard, readGuards } from './guards.ts'
import { KafkaSide } from './kafka.ts'
import { type Note, Notes } from './notes.ts'
import type { YamlPlace } from './place.ts'
import { convertTelemetry, ServerSide } from './server.ts'
import { StreamReader } from './streams.ts'
import { BEFORE, LEFT, missingPart } from './way-to-streams.ts'
import { EVERY_PATH, pathsOf, tooManyWays, type Way, waysBehind, waysBehindAll } from './ways.ts'
import { readYaml } from './yaml-document.ts'

export interface Conversion {
  /** The options of a CONFIG_FILE. */
  readonly config: { readonly streams: readonly unknown[]; readonly [group: string]: unknown }
  /** By line. */
  readonly notes: readonly Note[]
  readonly streamsLeftOut: number
  /** What the way to a stream lacks; null if some way is whole. */
  readonly missing: string | null
}

/** Throws a YamlError for text that is no YAML, and an Error if it has no bindings. */
export function convertZilla(text: string): Conversion {
  const top = readYaml(text)
  const notes = new Notes()
  top.member('name')
  const bindings = new Bindings(top.member('bindings'), notes)
  if ([...bindings.all].length === 0)
    throw new Error('it has no bindings, so it is no configuration of Zilla')
  const guards = readGuards(top.member('guards'), notes)
  convertTelemetry(top.member('telemetry'), notes)
  const kafka = new KafkaSide(bindings, notes)
  const server = new ServerSide(top.member('vaults'), notes)
  const streams = new StreamReader(guards, kafka, notes)
  const walk = new Walk(bindings, server, streams, notes)
  for (const binding of bindings.all) if (binding.type === 'tcp server') walk.enter(binding)
  const http = walk.http
  server.finish(http?.place ?? null)
  const guard = streams.guard ?? onlyGuard(guards, notes)
  const access = convertAccess(http?.options ?? null, notes)
  const challenge = guard?.challengeSeconds ?? null
  const groups = {
    kafka: kafka.options,
    auth: guard === null ? {} : { ...guard.auth, ...access.auth },
    sse: { ...(challenge !== null && { challengeSeconds: challenge }), ...access.sse },
    streams: streams.finish(),
  }
  const config = accepted(groups, notes, top)
  for (const { place, type } of bindings.left)
    notes.add(place, LEFT.get(type) ?? `no stream over SSE needs this ${type}: it is not converted`)
  for (const place of top.unread()) notes.add(place, 'is not converted: nothing here does the same')
  return { config, notes: notes.all, streamsLeftOut: notes.streamsLeftOut, missing: missingPart(bindings) }
}

/** From the first server of TCP to the streams. */
class Walk {
  /** The server of HTTP whose options count. */
  http: Binding | null = null
  private readonly bindings: Bindings
  private readonly server: ServerSide
  private readonly streams: StreamReader
  private readonly notes: Notes

  constructor(bindings: Bindings, server: ServerSide, streams: StreamReader, notes: Notes) {
    this.bindings = bindings
    this.server = server
    this.streams = streams
    this.notes = notes
  }

  enter(binding: Binding): void {
    if (!this.bindings.enter(binding)) return
    if (binding.type === 'tcp server') this.server.tcp(binding)
    else if (binding.type === 'tls server') this.server.tls(binding)
    else if (binding.type === 'proxy server') {
      this.notes.say(
        binding.place,
        'the PROXY protocol is not read here: have the proxy set X-Forwarded-For, and set TRUST_PROXY',
      )
    } else if (binding.type === 'http server') {
      this.requests(binding)
      return
    } else {
      this.notes.add(
        binding.place,
        BEFORE.get(binding.type) ?? `${binding.type} does not lead to a stream over SSE: it is not converted`,
      )
      return
    }
    for (const route of binding.routes) {
      for (const condition of route.when) condition.readAll()
      const next = this.bindings.named(route.exit, route.place)
      if (next !== null) this.enter(next)
    }
  }

  private requests(http: Binding): void {
    if (this.http !== null)
      this.notes.say(http.place, 'a process has one server of HTTP: options of the first one count')
    else this.http = http
    http.options?.member('versions')?.readAll()
    // Ways by the sse server that they lead to, so that each sse-kafka proxy is read once.
    for (const route of http.routes) {
      const next = this.bindings.named(route.exit, route.place)
      if (next?.type === 'sse server') this.sse(next, this.waysOf(route))
      else if (next !== null) this.elsewhere(next, route)
    }
  }

  /** Routes of HTTP have their path among the headers. */
  private waysOf(route: ZillaRoute): readonly Way[] {
    const paths = route.when.flatMap((condition) => {
      const headers = condition.member('headers')
      for (const [name, place] of headers?.members() ?? []) {
        if (![':path', ':scheme', ':method', ':authority'].includes(name)) {
          this.notes.leaveOut(place, 'a header of the request opens no other stream here')
          return []
        }
        if (name === ':method' && place.text() !== 'GET') {
          this.notes.leaveOut(place, 'streams are opened by GET here')
          return []
        }
        if (name === ':authority') this.notes.say(place, 'streams are the same under every host name here')
      }
      const place = headers?.member(':path') ?? condition
      return [{ place, path: headers?.member(':path')?.text() ?? EVERY_PATH }]
    })
    const way: Way = { paths: [], guarded: [] }
    return waysBehind(way, route.when.length === 0 ? null : paths, route.guarded)
  }

  private sse(sse: Binding, ways: readonly Way[]): void {
    this.bindings.enter(sse)
    const retry = sse.options?.member('retry')
    if (retry) this.notes.add(retry, 'retry is between 1 and 5 s here, another for each stream')
    for (const route of sse.routes) {
      const own = pathsOf(route.when, this.notes)
      const next = this.bindings.named(route.exit, route.place)
      const behind = waysBehindAll(ways, own, route.guarded)
      if (next?.type === 'sse-kafka proxy') {
        this.bindings.enter(next)
        if (behind === null) this.notes.leaveOut(route.place, tooManyWays(next.name))
        else this.streams.read(next, behind)
      } else if (next !== null) this.elsewhere(next, route)
    }
  }

  private elsewhere(next: Binding, route: ZillaRoute): void {
    route.place.readAll()
    this.passOver(next)
    this.notes.say(
      route.place,
      ELSEWHERE[next.type] ??
        BEFORE.get(next.type) ??
        `${next.type} has no counterpart: streams of Kafka alone are served here`,
    )
  }

  /** What leads elsewhere has one note, up to the caches of Kafka, which streams may have, too. */
  private passOver(binding: Binding): void {
    if (binding.type.startsWith('kafka ') || !this.bindings.enter(binding)) return
    binding.place.readAll()
    for (const { exit, place } of binding.routes) {
      const next = this.bindings.named(exit, place)
      if (next !== null) this.passOver(next)
    }
  }
}

const ELSEWHERE: Readonly<Record<string, string>> = {
  'http-filesystem proxy': 'files are not served here: let a web server or a proxy serve them',
  'http-kafka proxy':
    'requests that write to Kafka, or read one record, are not served here: keep Zilla for them, or your app',
  'sse client': 'streams come from Kafka here, not from another server',
}

/** A guard that no stream names still says whose tokens are accepted, if it is the only one. */
function onlyGuard(guards: ReadonlyMap<string, YamlPlace>, notes: Notes): Guard | null {
  const [first, second] = guards
  return first === undefined || second !== undefined ? null : convertGuard(first[0], first[1], notes)
}

/** What the environment has to set where the configuration does not. */
const ELSEWHERE_SET = {
  kafka: { bootstrapServers: 'localhost:9092' },
  auth: { issuer: 'https://issuer.invalid', audience: 'any' },
  sse: {},
}
/** What a group is if our schema refuses it. Without it pages of any origin could read the streams. */
const IF_REFUSED = { kafka: {}, auth: {}, sse: { corsOrigins: [] } }

/** Without the groups that are empty, and without those that our schema refuses. */
function accepted({ streams, ...groups }: Groups, notes: Notes, top: YamlPlace): Conversion['config'] {
  const kept = (['kafka', 'auth', 'sse'] as const).map((name) => {
    const problems = problemsOf({ [name]: { ...ELSEWHERE_SET[name], ...withCredentials(groups[name]) } })
    for (const problem of problems) notes.say(top, `${name} cannot be converted: ${problem}`)
    return [name, problems.length === 0 ? groups[name] : IF_REFUSED[name]] as const
  })
  const whole = streams.length === 0 ? [] : problemsOf({ streams })
  for (const problem of whole) notes.leaveOut(top, `the streams cannot stand beside each other: ${problem}`)
  const served = whole.length === 0 ? streams : []
  return { ...Object.fromEntries(kept.filter(([, group]) => Object.keys(group).length > 0)), streams: served }
}

/** Brokers with SASL have credentials, which the environment sets. */
function withCredentials(group: object): object {
  const config: object = Object('config' in group ? group.config : {})
  if (!('sasl.mechanisms' in config)) return group
  return { ...group, config: { 'sasl.username': 'any', 'sasl.password': 'any', ...config } }
}

function problemsOf(part: Parameters<typeof validatePart>[0]): readonly string[] {
  try {
    validatePart(part)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

interface Groups {
  readonly kafka: object
  readonly auth: object
  readonly sse: object
  readonly streams: readonly unknown[]
}
