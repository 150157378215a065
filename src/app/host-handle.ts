// `app.kafkaSse` of a host: whether streams should come, their figures, revocation and metrics. Promise: it speaks for
// all registrations in its instance of Fastify and in those below it, and `byPrefix` has each one alone.

import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { mergedRegistry } from '../../plugins/admin/merged-metrics.ts'
import { figuresOfProcess } from '../../plugins/admin/process-figures.ts'
import type { MetricsText } from '../admin/admin.ts'
import { EventLoopDelay } from '../admin/event-loop-delay.ts'
import { notReadyReasons, type Parts } from '../admin/readiness.ts'
import { ConfigError } from '../config/config-error.ts'
import { SYSTEM_CLOCK } from '../stream/clock.ts'
import { type Counters, type EndReason, sumOf } from '../stream/counters.ts'
import type { Streams } from '../stream/streams.ts'
import {
  RevocationInvalid,
  type RevocationRequest,
  revocationOf,
  type TokenLifetimes,
} from '../token/revocation.ts'
import { isScopeWithin } from './nearby-streams.ts'

/** Whether new streams should come to this process now. `reasons`: why not, for an operator; empty if they should. */
export interface Readiness {
  readonly ready: boolean
  readonly reasons: readonly string[]
}

/** Streams, as they are when they are read. All but `open` count from the start of the process. */
export interface StreamFigures {
  readonly open: number
  readonly opened: number
  readonly ended: Readonly<Record<EndReason, number>>
  readonly recordsDelivered: number
  readonly bytesDelivered: number
  readonly challenges: number
  readonly renewals: number
  /** Gaps that were told to clients, by reason. */
  readonly gaps: Readonly<Record<string, number>>
  /** Requests that were refused, by the code of the answer. */
  readonly refusals: Readonly<Record<string, number>>
}

/** One registration of the plugin, or all of an instance of Fastify and of those below it together. */
export interface KafkaSseRegistration {
  /** The answer of `/health/ready`, for a route of the host's own. */
  ready(): Readiness
  readonly streams: StreamFigures
  /**
   * Ends every open stream whose session is named, and refuses such sessions from now on. Resolves when that holds.
   * Rejects with `FKS_REVOCATION_INVALID`, which says what is wrong with the request, or if other replicas may not know
   * of it: it then holds here all the same.
   */
  revoke(request: RevocationRequest): Promise<void>
  /** Every metric in Prometheus's text format. With several registrations their series have the label `prefix`. */
  metrics(): Promise<MetricsText>
}

/** `app.kafkaSse`. */
export interface KafkaSse extends KafkaSseRegistration {
  /**
   * Each registration by its whole prefix; `/`: it has none. The second one of a prefix is `PREFIX#2`. A snapshot of
   * those that there are when it is read: later ones are missing in it.
   */
  readonly byPrefix: ReadonlyMap<string, KafkaSseRegistration>
}

/** What the handle sees of a registration. */
export interface RegisteredParts extends Parts {
  readonly streams: Streams
}

/** One registration. */
interface Registered {
  readonly host: FastifyInstance
  readonly prefix: string
  readonly parts: RegisteredParts
  readonly handle: Handle
}

/** All registrations of a server, in any of its instances, by Fastify's own server object. */
const registrations = new WeakMap<FastifyInstance['server'], Registered[]>()
const hosts = new WeakSet<FastifyInstance>()

/** Throws a ConfigError if another plugin has decorated `host` with our name. */
export function requireDecorator(host: FastifyInstance): void {
  if (hosts.has(host) || !Object.hasOwn(host, 'kafkaSse')) return
  throw new ConfigError(['app.kafkaSse is taken: the app, or another of its plugins, has decorated it'])
}

/** `host`: the instance that the plugin was registered in. Decorates it at its first registration. */
export function addToHost(host: FastifyInstance, prefix: string, parts: RegisteredParts): void {
  const all = registrations.get(host.server) ?? []
  registrations.set(host.server, all)
  const single: Registered = { host, prefix, parts, handle: new Handle(() => [single]) }
  all.push(single)
  host.addHook('onClose', async () => single.handle.close())
  if (hosts.has(host)) return
  hosts.add(host)
  const handle = new Handle(() => all.filter((registered) => isScopeWithin(registered.host, host)))
  host.decorate('kafkaSse', handle)
  host.addHook('onClose', async () => handle.close())
}

/**
 * The logger of a registration that is about to be made. Its lines have its prefix, as the metrics do; those of its
 * requests have their path. Without a prefix it is the host's own.
 */
export function logOf(host: FastifyInstance, prefix: string): FastifyBaseLogger {
  const before = registrations.get(host.server) ?? []
  const name = namesOf([...before.map((each) => each.prefix), prefix]).at(-1)
  return name === NO_PREFIX ? host.log : host.log.child({ prefix: name })
}

class Handle implements KafkaSse {
  private readonly registered: () => readonly Registered[]
  /** Made by the first call of `metrics`, because it has a timer. */
  private delay: EventLoopDelay | null = null
  /** Of so many registrations. Null until metrics are asked for. */
  private registry: { readonly count: number; readonly made: ReturnType<typeof mergedRegistry> } | null = null

  constructor(registered: () => readonly Registered[]) {
    this.registered = registered
  }

  get byPrefix(): ReadonlyMap<string, KafkaSseRegistration> {
    return byName(this.registered(), ({ handle }) => handle)
  }

  ready(): Readiness {
    const reasons = [...new Set(this.registered().flatMap(({ parts }) => notReadyReasons(parts)))]
    return { ready: reasons.length === 0, reasons }
  }

  get streams(): StreamFigures {
    return figuresOf(sumOf(this.allStreams().map(({ figures }) => figures)))
  }

  async revoke(request: RevocationRequest): Promise<void> {
    const all = this.allStreams()
    const lifetimes = all.map((streams) => streams.lifetimes)
    requireIssuer(request, lifetimes)
    const revocation = revocationOf(request, longest(lifetimes), SYSTEM_CLOCK.epochMs())
    await Promise.all(all.map((streams) => streams.revokeEverywhere(revocation)))
  }

  async metrics(): Promise<MetricsText> {
    const registered = this.registered()
    this.delay ??= new EventLoopDelay()
    if (this.registry?.count !== registered.length) {
      const parts = byName(registered, ({ parts }) => parts)
      const made = mergedRegistry(parts, figuresOfProcess(this.delay, {}))
      this.registry = { count: registered.length, made }
    }
    const { made } = this.registry
    return { contentType: made.contentType, text: await made.metrics() }
  }

  close(): void {
    this.delay?.close()
  }

  private allStreams(): Streams[] {
    return this.registered().map(({ parts }) => parts.streams)
  }
}

function byName<T>(
  registered: readonly Registered[],
  select: (registered: Registered) => T,
): ReadonlyMap<string, T> {
  const names = namesOf(registered.map(({ prefix }) => prefix))
  return new Map(registered.map((each, at) => [names[at] ?? each.prefix, select(each)]))
}

/** What a registration without a prefix is called. */
const NO_PREFIX = '/'

/** The whole prefixes, each once: the second one of a prefix is `PREFIX#2`. */
function namesOf(prefixes: readonly string[]): string[] {
  const names = new Set<string>()
  for (const given of prefixes) {
    const prefix = given.replace(/\/$/, '') || NO_PREFIX
    let name = prefix
    for (let count = 2; names.has(name); count++) name = `${prefix}#${count}`
    names.add(name)
  }
  return [...names]
}

function figuresOf(counters: Counters): StreamFigures {
  const { streamsOpen: open, streamsOpened: opened, streamsEnded: ended, ...others } = counters
  const { recordsDelivered, bytesDelivered, challenges, renewals, gaps, refusals } = others
  return { open, opened, ended, recordsDelivered, bytesDelivered, challenges, renewals, gaps, refusals }
}

/**
 * Where sessions of the host and tokens of issuers are accepted, a request without an issuer would name the sessions
 * alone, and the user's tokens would be accepted from then on, too.
 */
function requireIssuer(request: RevocationRequest, all: readonly TokenLifetimes[]): void {
  const kinds = new Set(all.map((lifetimes) => typeof lifetimes))
  if (kinds.size > 1 && request?.issuer === undefined)
    throw new RevocationInvalid(
      'issuer is required, because sessions of the host ("" unless they name one) and tokens are accepted',
    )
}

/** Where the host authenticates in one of them, any issuer may be named, and the longest life is that of all. */
function longest(all: readonly TokenLifetimes[]): TokenLifetimes {
  const merged = new Map<string, number>()
  let ofSessionsMs: number | null = null
  for (const lifetimes of all) {
    if (lifetimes === null) return null
    if (typeof lifetimes === 'number') ofSessionsMs = Math.max(lifetimes, ofSessionsMs ?? 0)
    else
      for (const [issuer, lifetimeMs] of lifetimes)
        merged.set(issuer, Math.max(lifetimeMs, merged.get(issuer) ?? 0))
  }
  return ofSessionsMs === null ? merged : Math.max(ofSessionsMs, ...merged.values())
}
