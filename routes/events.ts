// GET of a stream's path: docs/protocol.md, "The stream". Every refusal is answered before the stream's first byte;
// from then on src/stream has the response.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RequestedBeginning } from '../src/beginning/requested-beginning.ts'
import type { Replay } from '../src/bus/record.ts'
import type { TopicLease, TopicRefusal } from '../src/bus/topic.ts'
import type { Control } from '../src/control/control.ts'
import {
  Busy,
  ControlUnread,
  Draining,
  KafkaUnavailable,
  KeysUnavailable,
  NotAcceptable,
  ParameterInvalid,
  RevocationsFull,
  TicketsUnavailable,
  TooManyRequests,
  TopicsFull,
  TopicUnknown,
} from '../src/errors.ts'
import { type LoggedOutcomes, noteTold, tellEnded } from '../src/http/outcome-lines.ts'
import { clientAddress } from '../src/limits/client-address.ts'
import type { RateLimits } from '../src/limits/rate-limits.ts'
import { type IdSpelling, PLAIN_IDS, SealedSpelling } from '../src/sealing/id-spelling.ts'
import type { SealedIds } from '../src/sealing/sealed-ids.ts'
import { type Selection, type SelectionPlan, selectionText } from '../src/selection/selection.ts'
import type { Admitted } from '../src/stream/admission.ts'
import { holderOf, type MatchedPath } from '../src/stream/holders.ts'
import { between, RETRY_BUSY_MS } from '../src/stream/signals.ts'
import type { StreamRequest, Streams } from '../src/stream/streams.ts'
import type { Tickets } from '../src/tickets/tickets.ts'
import type { Authenticator } from '../src/token/authenticator.ts'
import type { Session } from '../src/token/session.ts'
import type { StreamTopic } from '../src/topics/stream-topic.ts'
import { traceStream } from '../src/tracing/spans.ts'
import { matchedPath, pathText } from './matched-path.ts'
import { accepts, acceptsByName } from './media-type.ts'
import { type BadChoice, requestedSelection } from './selection.ts'
import { parseSince } from './since.ts'
import { EVENT_STREAM, sendStream } from './stream-response.ts'
import { ticketSession } from './ticket.ts'

/** What a stream's routes need of their app. */
export interface StreamRoute {
  /** The whole path in Fastify's notation, with the prefix of the app. */
  readonly path: string
  readonly topic: StreamTopic
  readonly streams: Streams
  readonly rates: RateLimits
  /** What other replicas tell and are told; null without a control topic. */
  readonly control: Control | null
  readonly authenticator: Pick<Authenticator, 'authenticate'>
  /** Scope that a token must grant; null accepts any valid token. */
  readonly scope: string | null
  /** What a client gets first if it names no place to begin. */
  readonly replay: Replay
  /** Which records a request gets. */
  readonly plan: SelectionPlan
  /** Seals the stream's ids; null: they are plain. */
  readonly sealing: SealedIds | null
  /** null: the stream has none. */
  readonly tickets: Tickets | null
  /** Whether a refused ticket, and the end of a stream, are lines in the log now. */
  readonly logged: Readonly<LoggedOutcomes>
}

/** Errors of a stream that is refused now, and may be accepted later. */
const REFUSALS = {
  draining: Draining,
  busy: Busy,
  rate: TooManyRequests,
  control: ControlUnread,
  keys: KeysUnavailable,
  tickets: TicketsUnavailable,
  unknown: KafkaUnavailable,
  full: TopicsFull,
  revocations: RevocationsFull,
}

export function eventsHandler(route: StreamRoute) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { streams, control, rates } = route
    const address = clientAddress(request)
    const refusal = (await streams.refusal(address)) ?? (control?.trouble() ? 'control' : null)
    if (refusal !== null) return refuse(route, request, reply, refusal)
    if (!rates.take('connects-address', address)) return refuse(route, request, reply, 'rate')
    const session = await sessionOf(route, request, reply)
    if (typeof session === 'string') return refuse(route, request, reply, session)
    const name = route.topic.nameOf(request.params)
    if (name === null) throw new TopicUnknown()
    const selection = requestedSelection(route.plan, request, session)
    if (!rates.take('connects-subject', holderOf(session))) return refuse(route, request, reply, 'rate')
    const admitted = await streams.admit(address, session)
    if (admitted === null) return refuse(route, request, reply, (await streams.refusal(address)) ?? 'busy')
    let isOpen = false
    let lease: TopicLease | TopicRefusal | null = null
    try {
      const opening = openingOf(route, request, selection)
      lease = await route.topic.acquire(name)
      if (lease === 'missing') throw new TopicUnknown()
      if (typeof lease === 'string') return await refuse(route, request, reply, lease)
      const held = heldBy(admitted, lease)
      const { topic } = lease
      await sendStream(reply, (sink) => {
        // A host's hook may have waited until a drain or blindness began, which end the streams that are open then. Or
        // until there was no room for a revocation, which may be one of this session.
        if (streams.isDraining || streams.revocations.isFull || control?.trouble())
          return streams.turnAway(sink, opening.signals)
        streams.open({
          ...opening,
          topic,
          sink,
          session,
          admitted: held,
          onEnded: tellerOf(route, request, opening.requested, name),
        })
        isOpen = true
      })
    } finally {
      if (!isOpen) release(admitted, lease)
    }
    return reply
  }
}

/** Tells of a stream's end, in a span and in the log, or keeps the server from telling of its request. */
function tellerOf(
  { logged, streams, path }: StreamRoute,
  request: FastifyRequest,
  { id, sinceMs, from }: RequestedBeginning,
  topic: string,
): NonNullable<StreamRequest['onEnded']> {
  noteTold(request)
  const trace = traceStream(request, {
    'messaging.system': 'kafka',
    'messaging.destination.name': topic,
    'kafka_sse.begins': id !== null ? 'id' : sinceMs !== null ? 'since' : from,
  })
  const openedMs = performance.now()
  return ({ subject }, { records, bytes }, reason) => {
    trace({ reason, records, bytes })
    const ended = { reason, subject, seconds: (performance.now() - openedMs) / 1000, records, bytes }
    streams.watch.ended({ path, ...ended })
    if (logged.streamEnds) tellEnded(request, { ...ended, subject: streams.watch.subjects.of(subject) })
  }
}

/** What a stream holds until it is over: its place and its topic. */
function heldBy(admitted: Admitted, lease: TopicLease): Admitted {
  return { release: () => release(admitted, lease) }
}

function release(admitted: Admitted, lease: TopicLease | TopicRefusal | null): void {
  admitted.release()
  if (lease !== null && typeof lease === 'object') lease.release()
}

/** What the request asks for; throws if it cannot be served. */
function openingOf(route: StreamRoute, request: FastifyRequest, selection: Selection | BadChoice) {
  if (!accepts(request.headers.accept, EVENT_STREAM)) throw new NotAcceptable()
  const query = queryOf(request)
  const requested = requestedBeginning(route, request, query)
  if ('refused' in selection) throw new ParameterInvalid(selection.words)
  const path = matchedPath(route, request)
  const { conditions, granted } = selection
  const { scope } = route
  const ids = idsOf(route, path, selection)
  return { ...path, requested, conditions, granted, scope, ids, signals: wantsSignals(query) }
}

function idsOf({ sealing }: StreamRoute, path: MatchedPath, { conditions }: Selection): IdSpelling {
  if (sealing === null) return PLAIN_IDS
  return new SealedSpelling(sealing.of(pathText(path), selectionText(conditions)))
}

/** Of the ticket, or else of the token. A name of REFUSALS if it cannot be told now whether either is good. */
async function sessionOf(
  route: StreamRoute,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Session | 'keys' | 'tickets' | 'rate'> {
  try {
    const session = await ticketSession(route, request, reply)
    return session ?? (await route.authenticator.authenticate(request, reply, route.scope))
  } catch (error) {
    if (error instanceof KeysUnavailable) return 'keys'
    if (error instanceof TicketsUnavailable) return 'tickets'
    if (error instanceof TooManyRequests) return 'rate'
    throw error
  }
}

/** Of a refusal that is none of a token. */
const NO_TOKEN = { check: null, offSeconds: null }

/** Refuses with a status. An EventSource would never retry after one, so it gets a 200 that ends. */
async function refuse(
  { streams, path }: StreamRoute,
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: keyof typeof REFUSALS,
): Promise<FastifyReply> {
  const error = new REFUSALS[refusal]()
  if (acceptsByName(request.headers.accept, EVENT_STREAM)) {
    const { code, message } = error
    streams.watch.refused({ ...NO_TOKEN, path, code, reason: message })
    await sendStream(reply, (sink) => streams.turnAway(sink, wantsSignals(queryOf(request))))
    return reply
  }
  reply.header('retry-after', Math.round(between(RETRY_BUSY_MS) / 1000))
  throw error
}

/** As it was sent: a host's own parser of queries may make an object of `since[x]=`, or nothing at all. */
function queryOf({ url }: FastifyRequest): URLSearchParams {
  const start = url.indexOf('?')
  return new URLSearchParams(start === -1 ? '' : url.slice(start + 1))
}

function requestedBeginning(
  { replay }: StreamRoute,
  { headers }: FastifyRequest,
  query: URLSearchParams,
): RequestedBeginning {
  const header = headers['last-event-id']
  const inHeader = Array.isArray(header) ? header[0] : header
  const id = inHeader ?? query.get('lastEventId') ?? query.get('last_event_id') ?? ''
  const from = query.get('from') ?? (replay === 'none' ? 'latest' : 'earliest')
  if (from !== 'earliest' && from !== 'latest') throw new ParameterInvalid('from is earliest or latest')
  return { id: id === '' ? null : id, sinceMs: sinceMsOf(query.get('since')), from }
}

function sinceMsOf(since: string | null): number | null {
  if (since === null) return null
  const sinceMs = parseSince(since)
  if (sinceMs === null) throw new ParameterInvalid('since is an ISO 8601 date and time, or epoch ms')
  return sinceMs
}

function wantsSignals(query: URLSearchParams): boolean {
  return query.get('signals') === '1'
}
