// Registers the plugin's parts and routes in one scope of Fastify, so that the host's prefix, hooks and logger apply to
// them. Promise: workers may load this file, because nothing in it loads node-rdkafka, which only the main thread can.

import type { FastifyInstance } from 'fastify'
import admin from '../../plugins/admin.ts'
import type { OpenKeys } from '../../plugins/auth/keys/open-keys.ts'
import auth from '../../plugins/auth.ts'
import control, { type ControlPluginOptions } from '../../plugins/control.ts'
import sse from '../../plugins/sse.ts'
import { adminRoutes } from '../../routes/admin.ts'
import { answerCors, type CorsRules } from '../../routes/cors.ts'
import { descriptionRoutes } from '../../routes/description/documents.ts'
import { Http2Sessions } from '../../routes/http2-sessions.ts'
import { type LogoutRoute, logoutRoutes } from '../../routes/logout.ts'
import { nameResource, resourceMetadataRoutes } from '../../routes/resource-metadata.ts'
import { streamRoutes } from '../../routes/stream.ts'
import { keepsFor } from '../bus/record.ts'
import type { TopicSource } from '../bus/topic.ts'
import { tokenLifetimes } from '../config/auth/token-lifetimes.ts'
import { ConfigError } from '../config/config-error.ts'
import { descriptionPaths } from '../config/streams/description-rules.ts'
import { selectorsOf } from '../config/streams/stream-selectors.ts'
import { topicParameter } from '../config/streams/topic-rules.ts'
import { asyncApiDocument } from '../description/asyncapi.ts'
import { describedStream } from '../description/described-stream.ts'
import { openApiDocument } from '../description/openapi.ts'
import { ratesOf } from '../limits/rate-limits.ts'
import type { ResolvedOptions, ResolvedStream } from '../options.ts'
import { type LiveSettings, loggedOutcomes } from '../reload/live-settings.ts'
import type { Selector } from '../routing/selector.ts'
import { SelectionPlan } from '../selection/selection.ts'
import { SYSTEM_CLOCK } from '../stream/clock.ts'
import { countCheck } from '../stream/counters.ts'
import type { Shared } from '../stream/sharing/shared.ts'
import { RedeemedTickets } from '../tickets/redeemed-tickets.ts'
import type { RedeemTicket } from '../tickets/tickets.ts'
import type { TokenLifetimes } from '../token/revocation.ts'
import type { Session } from '../token/session.ts'
import { fixedTopic, type StreamTopic, topicByPath } from '../topics/stream-topic.ts'
import { checkedAuthenticator } from './checked-authenticator.ts'
import type { RegisteredParts } from './host-handle.ts'
import { addStreams } from './nearby-streams.ts'
import { inPackage, packageVersion } from './package-path.ts'
import { keySubjects, sealedIdsOf, ticketsOf } from './sealing.ts'

export type StreamsOptions = Pick<ResolvedOptions, 'auth' | 'sse' | 'streams'>

/** What streams need besides their options. */
export interface StreamSources extends Partial<Pick<ControlPluginOptions, 'center'>> {
  readonly topics: TopicSource
  /** What the streams of several threads share; without it they are the only ones. */
  readonly shared?: Shared
  /** Where the threads of a process count rates. */
  readonly rateMemory?: SharedArrayBuffer
  /** Redeems a ticket for all threads of the process; without it this thread is the only one. */
  readonly redeemTicket?: RedeemTicket
  /** Tells of settings that change while the process serves; a host's do not. */
  readonly live?: LiveSettings
  /** Opens the keys that verify tokens, where another thread has them. */
  readonly openKeys?: OpenKeys
}

/** Streams whose topics may come from another thread. */
export async function registerStreams(
  app: FastifyInstance,
  options: StreamsOptions,
  sources: StreamSources,
): Promise<void> {
  await registerOpenStreams(app, options, sources)
  const { kafkaSseRates: rates } = app
  sources.live?.onChange(({ sse }) => rates.limitTo(ratesOf(sse)))
  const { revocations } = app.kafkaSseStreams
  const isRevoked = (session: Session) => revocations.refuses(session)
  const { openKeys } = sources
  const cookieOrigins = options.sse.corsOrigins
  const logged = loggedOutcomes(options.sse, sources.live)
  await app.register(auth, {
    ...options.auth,
    failures: () => app.kafkaSseRates,
    cookieOrigins,
    isRevoked,
    logged,
    onRefused: (check) => countCheck(app.kafkaSseStreams.figures, check),
    ...(openKeys && { openKeys }),
  })
  await registerLogout(app, options.auth.logoutPath, logged)
  await registerStreamRoutes(app, options, sources)
}

/** The open streams and what they share, without routes. */
export async function registerOpenStreams(
  app: FastifyInstance,
  options: StreamsOptions,
  {
    topics,
    center = null,
    shared,
    rateMemory,
    live,
    lifetimes = tokenLifetimes(options),
  }: Partial<StreamSources> & { readonly lifetimes?: TokenLifetimes } = {},
): Promise<void> {
  const { secretKey: _, ...settings } = options.sse
  const { renewBy } = options.auth
  await app.register(sse, {
    ...settings,
    renewBy,
    lifetimes,
    ...(shared && { shared }),
    ...(rateMemory && { rateMemory }),
  })
  keySubjects(app.kafkaSseStreams.watch.subjects, options, live)
  addStreams(app)
  await app.register(control, { center, whenBlind: options.sse.controlBlind })
  topics?.onClosed((topic) => app.kafkaSseStreams.forget(topic))
}

/** The routes of all streams. The decorators of the parts are there. */
export async function registerStreamRoutes(
  app: FastifyInstance,
  options: StreamsOptions,
  { topics, live, redeemTicket = new RedeemedTickets(SYSTEM_CLOCK.epochMs).redeem }: StreamSources,
  prefix = '',
): Promise<void> {
  const sealing = sealedIdsOf(options, live)
  const tickets = ticketsOf(options, redeemTicket, live)
  const logged = loggedOutcomes(options.sse, live)
  const authenticator = checkedAuthenticator(app.kafkaSseAuth)
  // A scope of their own: CORS must not apply to what else is registered in `app`, such as a host's admin routes.
  await app.register(
    async (routes) => {
      answerCors(routes, corsRules(options))
      endConnections(routes)
      await describeResource(routes, options)
      await serveDescriptions(routes, options)
      for (const stream of options.streams) {
        const { path, scope, replay, ids } = stream
        await routes.register(streamRoutes, {
          path,
          description: describedStream(stream, options, routes.prefix),
          scope,
          replay,
          plan: new SelectionPlan(stream),
          sealing: ids === 'sealed' ? sealing : null,
          tickets,
          logged,
          topic: topicOf(stream, options.streams, topics),
          streams: app.kafkaSseStreams,
          rates: app.kafkaSseRates,
          control: app.kafkaSseControl,
          authenticator,
        })
      }
    },
    { prefix },
  )
}

/** Runs behind the `preClose` of the open streams, which ends them: the order is that of registration. */
function endConnections(routes: FastifyInstance): void {
  const sessions = new Http2Sessions()
  routes.addHook('onRequest', (request, _reply, done) => {
    sessions.add(request.raw)
    done()
  })
  routes.addHook('preClose', async () => sessions.close())
}

/** Without CORS: providers are servers. */
async function registerLogout(
  app: FastifyInstance,
  path: string | null,
  logged: LogoutRoute['logged'],
): Promise<void> {
  const { logout } = app.kafkaSseAuth
  if (path === null || logout === null) return
  await app.register(logoutRoutes, { path, logout, streams: app.kafkaSseStreams, logged })
}

/** A well-known path is the whole host's, so that no plugin below a prefix can serve it: its app has to. */
async function describeResource(routes: FastifyInstance, { auth, streams }: StreamsOptions): Promise<void> {
  const { resourceUrl, authenticate, issuers, queryToken } = auth
  if (resourceUrl === null) return
  nameResource(routes, resourceUrl)
  if (routes.prefix !== '') return
  const servers = authenticate === undefined ? issuers.map(({ issuer }) => issuer) : null
  const scopes = streams.map(({ scope }) => scope)
  await routes.register(resourceMetadataRoutes, { resourceUrl, issuers: servers, queryToken, scopes })
}

/** For clients and tools that read OpenAPI or AsyncAPI. They need no token, as the documents name no record. */
async function serveDescriptions(routes: FastifyInstance, options: StreamsOptions): Promise<void> {
  const { descriptionPath } = options.sse
  if (descriptionPath === null) return
  const { openApi, asyncApi } = descriptionPaths(descriptionPath)
  const streams = options.streams.map((stream) => describedStream(stream, options, routes.prefix))
  const version = await packageVersion()
  const documents = new Map([
    [openApi, openApiDocument(streams, version)],
    [asyncApi, asyncApiDocument(streams, version)],
  ])
  await routes.register(descriptionRoutes, { documents })
}

export function corsRules({ auth, sse }: Pick<ResolvedOptions, 'auth' | 'sse'>): CorsRules {
  return { origins: sse.corsOrigins, headers: sse.corsHeaders, hasCookies: auth.cookie !== null }
}

function topicOf(
  stream: ResolvedStream,
  streams: readonly ResolvedStream[],
  source: TopicSource,
): StreamTopic {
  const { topic, topics: names = [], encoding, replay } = stream
  const keeps = keepsFor(replay)
  const param = topicParameter(topic)
  if (param === null) return fixedTopic(source.open(topic, encoding, keeps, selectorsOf(stream, streams)))
  /** Of topics that were asked for: the list is made once for each. */
  const known = new Map<string, readonly Selector[]>()
  return topicByPath({
    param,
    names,
    acquire: (name) => {
      const selectors = known.get(name) ?? selectorsOf(stream, streams, name)
      known.set(name, selectors)
      return source.acquire(name, encoding, keeps, selectors)
    },
  })
}

/** Health, metrics and status below `prefix`; null: none. The host's hooks decide who may see them. */
export async function registerAdmin(app: FastifyInstance, prefix: string | null): Promise<void> {
  if (prefix === null) return
  if (app.hasReplyDecorator('sse') && !app.hasPlugin('fastify-sse-v2'))
    throw new ConfigError([
      'options.sse.adminPath needs reply.sse of fastify-sse-v2, but it is another plugin of the app',
    ])
  await app.register(admin, partsOf(app))
  await app.register(adminRoutes, { prefix, admin: app.kafkaSseAdmin, folder: inPackage('public') })
}

/** What readiness and metrics are read from, in a scope that reads Kafka itself. */
export function partsOf(app: FastifyInstance): RegisteredParts {
  const { kafkaSseStreams: streams, kafkaSseTopics: topics, kafkaSseAuth: authenticator } = app
  return { streams, topics, authenticator, control: app.kafkaSseControlCenter }
}
