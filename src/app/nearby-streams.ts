// Which open streams there are near a scope of Fastify. The part `/auth` asks their revocations, because `/sse` or the
// whole plugin may be registered later than it, and in any scope within its own.

import type { FastifyInstance } from 'fastify'
import type { Streams } from '../stream/streams.ts'

interface Registered {
  readonly scope: FastifyInstance
  readonly streams: Streams
}

/** Of all scopes of a server, by Fastify's own server object. */
const registered = new WeakMap<FastifyInstance['server'], Registered[]>()

/** `scope` has just got its decorator `kafkaSseStreams`. */
export function addStreams(scope: FastifyInstance): void {
  const all = registered.get(scope.server) ?? []
  registered.set(scope.server, all)
  all.push({ scope, streams: scope.kafkaSseStreams })
}

/** Those of `scope`, of any scope within it, and of those around it. */
export function streamsNear(scope: FastifyInstance): Streams[] {
  const all = registered.get(scope.server) ?? []
  return all
    .filter((each) => isScopeWithin(each.scope, scope) || isScopeWithin(scope, each.scope))
    .map(({ streams }) => streams)
}

/** Whether a scope is this one or below it: the prototype of a scope is the scope around it. */
export function isScopeWithin(scope: FastifyInstance, around: FastifyInstance): boolean {
  return scope === around || Object.prototype.isPrototypeOf.call(around, scope)
}
