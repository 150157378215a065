// The shape of what can be configured: the plugin's options, the config file, and (by src/config/parse.ts) the environment.
// Units stand last in each name. Defaults, ranges and words are in src/config/parse.ts, the one schema.

import type { FastifyRequest } from 'fastify'
import type { Encoding, Replay } from './bus/record.ts'
import type { HostAnswer } from './token/session.ts'

export interface KafkaSseOptions {
  kafka: KafkaOptions
  /**
   * `keys` may be left out: they are then found by the issuer's discovery document. With `authenticate`, issuer and
   * audience may be left out, too.
   */
  auth: Partial<AuthOptions>
  streams: StreamOptions[]
  sse?: Partial<SseOptions>
}

export interface KafkaOptions {
  /** host:port, comma-separated. */
  bootstrapServers: string
  /** Any librdkafka property, by its own dotted name. */
  config?: Record<string, string | number | boolean>
  /** Bounds of one topic's bus. */
  retainedBytesMax?: number
  retainedRecordsMax?: number
  /** Age at which records leave that no newer one can supersede; null: none. */
  retainedSecondsMax?: number | null
  /** How long tombstones are kept at the least: the topic's `delete.retention.ms`, in seconds. */
  deleteRetentionSeconds?: number
}

export interface AuthOptions {
  issuer: string
  audience: string
  /** A JWKS URL, the path of a JWKS/JWK/PEM file, or PEM text. */
  keys: string
  /** `alg` of a key that names none and whose kind allows several. */
  algorithm?: string
  /** Name of the claim that holds the scopes; space-separated or an array. */
  scopeClaim?: string
  /** Read `?access_token=` where there is no Authorization header. */
  queryToken?: boolean
  /** Read the token from this cookie; null: never. */
  cookie?: string | null
  clockToleranceSeconds?: number
  jwksTimeoutMs?: number
  jwksCooldownMs?: number
  jwksMaxAgeMs?: number
  jwksStaleMs?: number
  /** The host application's own authentication, instead of all the above. null: 401. What it throws is answered as it is. */
  authenticate?: (request: FastifyRequest) => HostAnswer | null | Promise<HostAnswer | null>
}

export interface StreamOptions {
  /** Path of the stream in Fastify's notation, e.g. `/events`. */
  path: string
  topic: string
  /** Scope that a token must grant; with null any valid token will do. */
  scope?: string | null
  encoding?: Encoding
  /** What a client without an id gets first; `latest` also says that superseded values need not be kept. */
  replay?: Replay
}

export interface SseOptions {
  challengeSeconds: number
  heartbeatSeconds: number
  drainSeconds: number
  /** How long a write may stay untaken, before the time its bytes are given, until the stream ends as `slow`. */
  stalledSeconds: number
  /** How long streams are written to before connections, renewals and deadlines have their turn. */
  turnMs: number
  streamsMax: number
  streamsPerSubjectMax: number
  streamsPerAddressMax: number
  /** Origins that may read the streams; `*` is every one. Empty: the host application does CORS itself. */
  corsOrigins: string[]
  /** Where a host's app serves health, metrics and status, under the plugin's prefix; null: nowhere. */
  adminPath: string | null
}

/** Options that were checked, with every default filled in: what validateOptions (src/config/parse.ts) makes of them. */
export interface ResolvedOptions extends KafkaSseOptions {
  kafka: Required<KafkaOptions>
  auth: Required<Omit<AuthOptions, 'authenticate'>> & Pick<AuthOptions, 'authenticate'>
  streams: Required<StreamOptions>[]
  sse: SseOptions
}

/** What a process of its own needs besides: listening, TLS and logs (parseEnvironment in src/config/parse.ts). */
export interface ServerOptions extends ResolvedOptions {
  /** A name or an address; `localhost` is both families, as Fastify takes it. */
  host: string
  /** 0: one that the operating system chooses. */
  port: number
  adminHost: string
  adminPort: number
  /** Names besides `adminHost` and `localhost` that the admin port answers to; addresses it always does. */
  adminHosts: string[]
  /** null: plain HTTP/1.1, for a proxy that ends TLS. */
  tls: TlsOptions | null
  /** Connections at once, in all threads together. */
  connectionsMax: number
  /** Of these, from one IPv4 address, or one /64 of IPv6. */
  connectionsPerAddressMax: number
  /** From a signal on, how long all goes on as before, but for readiness, until the drain begins. */
  lingerSeconds: number
  logLevel: LogLevel
  /** Threads that serve streams; 1: the main thread does, which also reads from Kafka. */
  workers: number
  /** Set by `kafka-sse demo` alone. */
  demo?: DemoOptions
  /** CONFIG_FILE where it is code: threads that need its functions load it by themselves (src/threads/handover.ts). */
  configModule?: ConfigModule
}

/** A configuration file that is code: what other threads load again, for the functions in it. */
export interface ConfigModule {
  /** From the root. */
  readonly path: string
  /** SHA-256 of its text and of all that it imports by path: src/config/config-file/module-files.ts. */
  readonly digest: string
}

export interface TlsOptions {
  /** PEM: the server's certificate, then its intermediates. */
  certFile: string
  /** PEM, without a passphrase. */
  keyFile: string
}

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'

export interface DemoOptions {
  /** Where the demo's key and certificates are. */
  folder: string
  /** Whether `POST /demo/token` (routes/demo-token.ts) is to be registered. */
  tokens: boolean
}
