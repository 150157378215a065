// A client’s next reads in a case of the resume model, and how it connects first if its stream is over.

import fc from 'fast-check'
import type { RequestedBeginning } from '../../src/beginning/requested-beginning.ts'
import { formatEventId } from '../../src/bus/event-id.ts'
import { FROM_NOW } from '../../src/bus/position.ts'
import { type Choose, mostly } from './choice.ts'
import type { Server } from './server.ts'

/** Where the connection breaks: inside the last event, or right after a heartbeat or `ready` with an id. */
export type Cut = 'never' | 'inside' | 'behind'

export type NewBeginning = Omit<RequestedBeginning, 'id'>

export const CUTS = mostly<Cut>([
  ['never', 3],
  ['behind', 1],
  ['inside', 1],
])
const FROM = mostly([
  ['everything', 5],
  ['now', 1],
  ['a moment', 1],
] as const)
/** By how much a client's clock may be ahead. */
const AHEAD_MS = 5_000
const FORMS = mostly([
  ['its id', 6],
  ['its id unpadded', 3],
  ['its id/etag', 3],
  ['-1 of every partition', 2],
] as const)

/** How a client connects if it has no stream. */
export interface ConnectPlan {
  readonly from: (typeof FROM)[number]
  /** How long ago that moment is; below 0: how far ahead. */
  readonly agoMs: number
  /** How it writes its id. */
  readonly says: (typeof FORMS)[number]
  /** Whether it forgets what it has of a deleted topic. */
  readonly isForgetful: boolean
}

export interface Reads extends ConnectPlan {
  readonly client: number
  readonly server: number
  readonly times: number
  readonly bytesMax: number
  /** Behind the last of them. */
  readonly cut: Cut
}

export const PLAIN: ConnectPlan = { from: 'everything', agoMs: 0, says: 'its id', isForgetful: false }

export const reads: fc.Arbitrary<Reads> = fc.record({
  client: fc.nat(2),
  server: fc.nat(1),
  times: fc.nat(5),
  bytesMax: fc.constantFrom(1, 100, 3_000, 100_000),
  cut: fc.constantFrom(...CUTS),
  from: fc.constantFrom(...FROM),
  agoMs: fc.oneof(fc.nat(89), fc.constant(-AHEAD_MS)),
  says: fc.constantFrom(...FORMS),
  isForgetful: fc.constantFrom(true, true, false),
})

/** By the case's own randomness. */
export function anyConnectPlan(choose: Choose): ConnectPlan {
  const [from = 'now', says = 'its id'] = [FROM[choose(FROM.length)], FORMS[choose(FORMS.length)]]
  return { from, says, agoMs: choose(2) === 0 ? choose(90) : -AHEAD_MS, isForgetful: choose(3) > 0 }
}

export function beginningOf({ from, agoMs }: ConnectPlan, epochMs: number): NewBeginning {
  return {
    from: from === 'now' ? 'latest' : 'earliest',
    sinceMs: from === 'a moment' ? epochMs - agoMs : null,
  }
}

/** A client's id in the form in which it says it. */
export function idAs(form: ConnectPlan['says'], id: string, partitions: number): string {
  if (form === 'its id unpadded') return id.replace(/=+$/, '')
  if (form === 'its id/etag') return `${id}/etag`
  if (form === 'its id') return id
  return formatEventId(new Map(Array.from({ length: partitions }, (_, partition) => [partition, FROM_NOW])))
}

export function tellReads({ client, times, bytesMax, cut, ...how }: Reads): string {
  const { server, says, isForgetful, from, agoMs } = how
  const since = from === 'a moment' ? `${agoMs} ms ago` : from
  const other = isForgetful ? '' : ' (also one of another topic)'
  const end = { never: '', inside: ', cut inside the last event', behind: ', cut right behind ready' }[cut]
  return (
    `client ${client} reads ${times} times up to ${bytesMax} bytes${end}; ` +
    `if it has no stream, of server ${server}, to which it connects with ${says}${other}, else from ${since}`
  )
}

/** Whether it asks for what comes from now on. */
/** Also by a moment that has yet to come, at a server that has yet to catch up. */
export function isFromNow({ from, sinceMs }: NewBeginning, { view, epochMs }: Server): boolean {
  return sinceMs === null ? from === 'latest' : !view.caughtUp && sinceMs > epochMs
}
