// POST of a stream's path and `/ticket`: a ticket that opens this stream once, without the token. And the ticket that a
// GET of the stream presents. docs/protocol.md, "Tickets". Promise: no ticket is in an error or a log line.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { DescribedStream } from '../src/description/described-stream.ts'
import { optionsOperation, ticketOperation } from '../src/description/operations.ts'
import {
  errorWords,
  OriginRefused,
  TicketInvalid,
  TicketsUnavailable,
  TicketTooLarge,
  TooManyRequests,
  TopicUnknown,
} from '../src/errors.ts'
import { type LoggedOutcomes, noteAdmitted, noteTold, tellRefused } from '../src/http/outcome-lines.ts'
import { clientAddress } from '../src/limits/client-address.ts'
import type { RateLimits } from '../src/limits/rate-limits.ts'
import type { SelectionPlan } from '../src/selection/selection.ts'
import { prunedClaims } from '../src/selection/template.ts'
import { countCheck } from '../src/stream/counters.ts'
import { holderOf } from '../src/stream/holders.ts'
import type { Streams } from '../src/stream/streams.ts'
import { ticketPath } from '../src/tickets/ticket-path.ts'
import { askingPage, type Tickets } from '../src/tickets/tickets.ts'
import type { Authenticator } from '../src/token/authenticator.ts'
import { carrierOf, prove } from '../src/token/proven-connections.ts'
import type { RefusedCheck } from '../src/token/refused-check.ts'
import { queryCredential } from '../src/token/request-token.ts'
import type { Session } from '../src/token/session.ts'
import { invalidTokenChallenge } from '../src/token/www-authenticate.ts'
import type { StreamTopic } from '../src/topics/stream-topic.ts'
import { described } from './description/described-route.ts'
import { matchedPath, pathText } from './matched-path.ts'
import { addPath, type RouteHandler } from './path-methods.ts'
import { grantedSelection } from './selection.ts'

/** A stream that tickets open. */
interface TicketRoute {
  /** The stream's whole path in Fastify's notation. */
  readonly path: string
  readonly topic: StreamTopic
  readonly rates: RateLimits
  readonly plan: SelectionPlan
  readonly authenticator: Pick<Authenticator, 'authenticate'>
  readonly scope: string | null
  readonly tickets: Tickets
  /** Notes what the handler throws: it is counted and logged. */
  readonly told: (handler: RouteHandler) => RouteHandler
}

/** `path`: the stream's, without the prefix of the app. */
export function ticketRoutes(
  app: FastifyInstance,
  route: TicketRoute & { readonly description: DescribedStream },
  path: string,
): void {
  const { tickets, rates } = route
  const below = ticketPath(path)
  if (below === null) throw new Error(`no path can follow ${path}, so its stream has no tickets`)
  const { description } = route
  addPath(app, below, ['POST', 'OPTIONS'], described(app, optionsOperation(description)), route.told)
  const issue = async (request: FastifyRequest, reply: FastifyReply) => {
    reply.header('cache-control', 'no-store')
    if (!rates.take('tickets-address', clientAddress(request))) throw new TooManyRequests()
    const session = await route.authenticator.authenticate(request, reply, route.scope)
    if (route.topic.nameOf(request.params) === null) throw new TopicUnknown()
    grantedSelection(route.plan, request, session)
    // So that no subject can fill the memory of redeemed tickets, which all subjects share.
    if (!rates.take('tickets-subject', holderOf(session))) throw new TooManyRequests()
    noteAdmitted(request)
    const page = askingPage(request.headers)
    if (page === null) throw new OriginRefused()
    const claims = prunedClaims(session.claims, route.plan.claims)
    const ticket = tickets.issue({ ...session, claims }, page, pathText(matchedPath(route, request)))
    if (ticket === null) throw new TicketTooLarge()
    return { ticket: ticket.text, expires_in: ticket.expiresInSeconds }
  }
  app.post(below, { ...described(app, ticketOperation(description)) }, route.told(issue))
}

/**
 * The session of the request's ticket; null if there is none, or if it is not read, because there is an
 * `Authorization` header. Throws TicketInvalid or TicketsUnavailable.
 */
export async function ticketSession(
  route: Pick<TicketRoute, 'path'> & {
    readonly tickets: Tickets | null
    readonly streams: Pick<Streams, 'revocations' | 'figures'>
    readonly logged: Readonly<Pick<LoggedOutcomes, 'refusals'>>
  },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Session | null> {
  const { headers } = request
  if (route.tickets === null || headers.authorization !== undefined) return null
  const text = queryCredential(request.url, 'ticket')
  if (text === null) return null
  const refused = (refusal: { readonly check: RefusedCheck; readonly reason?: string }) => {
    countCheck(route.streams.figures, refusal.check)
    const tell = route.logged.refusals ? tellRefused : noteTold
    tell(request, refusal, 'ticket refused')
  }
  const place = { stream: pathText(matchedPath(route, request)), headers }
  const session = await route.tickets.redeem(text, place).catch((error: unknown) => {
    // Not worse than information: there may be as many of these lines as there are clients.
    refused({ check: 'unavailable', reason: errorWords(error) })
    throw new TicketsUnavailable()
  })
  const isRevoked = typeof session !== 'string' && route.streams.revocations.refuses(session)
  if (typeof session === 'string' || isRevoked) {
    refused({ check: typeof session === 'string' ? session : 'revoked' })
    reply.header('www-authenticate', invalidTokenChallenge())
    throw new TicketInvalid()
  }
  prove(carrierOf(request.raw))
  return session
}
