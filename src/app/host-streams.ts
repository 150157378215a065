// `app.kafkaSse` of a host: the streams of its registration, by which it revokes. Promise: with several registrations
// in one instance of Fastify, a revocation reaches the streams of all.

import type { FastifyInstance } from 'fastify'
import { ConfigError } from '../config/config-error.ts'
import { SYSTEM_CLOCK } from '../stream/clock.ts'
import type { Streams } from '../stream/streams.ts'
import { type RevocationRequest, revocationOf, type TokenLifetimes } from '../token/revocation.ts'

const registered = new WeakMap<FastifyInstance, Streams[]>()

/** Throws a ConfigError if another plugin has decorated `host` with our name. */
export function requireDecorator(host: FastifyInstance): void {
  if (registered.has(host) || !Object.hasOwn(host, 'kafkaSse')) return
  throw new ConfigError(['app.kafkaSse is taken: the app, or another of its plugins, has decorated it'])
}

/** `host`: the instance that the plugin was registered in. Decorates it at its first registration. */
export function decorateHost(host: FastifyInstance, streams: Streams): void {
  const known = registered.get(host)
  if (known !== undefined) {
    known.push(streams)
    return
  }
  const all = [streams]
  registered.set(host, all)
  const revoke = (request: RevocationRequest) => revokeInAll(all, request)
  host.decorate('kafkaSse', withRevoke(streams, revoke))
}

/** The streams themselves, so that what a host calls on them changes them: an object that inherits would not. */
function withRevoke(streams: Streams, revoke: Streams['revoke']): Streams {
  return new Proxy(streams, {
    get(target, name) {
      if (name === 'revoke') return revoke
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

async function revokeInAll(all: readonly Streams[], request: RevocationRequest): Promise<void> {
  const lifetimes = longest(all.map((streams) => streams.lifetimes))
  const revocation = revocationOf(request, lifetimes, SYSTEM_CLOCK.epochMs())
  await Promise.all(all.map((streams) => streams.revokeEverywhere(revocation)))
}

/** Where the host authenticates in one of them, any issuer may be named, and the longest life is that of all. */
function longest(all: readonly TokenLifetimes[]): TokenLifetimes {
  const merged = new Map<string, number>()
  let ofSessionsMs: number | null = null
  for (const lifetimes of all) {
    if (typeof lifetimes === 'number') ofSessionsMs = Math.max(lifetimes, ofSessionsMs ?? 0)
    else
      for (const [issuer, lifetimeMs] of lifetimes)
        merged.set(issuer, Math.max(lifetimeMs, merged.get(issuer) ?? 0))
  }
  return ofSessionsMs === null ? merged : Math.max(ofSessionsMs, ...merged.values())
}
