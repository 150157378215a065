// The shape of all options: those of the plugin, of CONFIG_FILE, and of a server process. Types only: the schema, with
// every default and range, is in src/config. Each name ends with its unit.

import type { FastifyRequest } from 'fastify'
import type { Encoding, Replay } from './bus/record.ts'
import type { HostAnswer } from './token/session.ts'

/** The options of `app.register(kafkaSse, options)`, and of a CONFIG_FILE. An option that is not listed is an error. */
export interface KafkaSseOptions {
  /** Connection to Kafka, and the bounds of what is kept in memory. */
  kafka: KafkaOptions
  /** Who may open a stream. `issuer` and `audience` or `clients` are required, or `issuers`, or `authenticate`. */
  auth: AuthOptions
  /** 1 to 100 streams, each at its own path. */
  streams: StreamOptions[]
  /** Timing, limits and CORS, for all streams together. */
  sse?: Partial<SseOptions>
}

export interface KafkaOptions {
  /** Brokers to connect to first: `host:port`, several separated by commas. */
  bootstrapServers: string
  /**
   * librdkafka properties by their dotted names, such as `sasl.username`; at most 200. Default: none. Properties that
   * the streams depend on, such as `auto.offset.reset`, are refused.
   */
  config?: Record<string, string | number | boolean>
  /**
   * Makes the token that brokers with SASL OAUTHBEARER ask for, such as Amazon's MSK or Google's Kafka. It is called
   * when a client connects, and again after four fifths of a token's life. Default: none.
   */
  token?: () => Promise<KafkaToken> | KafkaToken
  /** Bytes that the bus of one topic may hold: 1 MiB to 16 GiB. Default: 512 MiB. */
  retainedBytesMax?: number
  /** Records in the bus of one topic, superseded ones not counted: 1,000 to 100,000,000. Default: 5,000,000. */
  retainedRecordsMax?: number
  /**
   * Seconds after which a record is removed if no newer record can replace it: an integer from 1 to 3,153,600,000.
   * null, the default: no limit.
   */
  retainedSecondsMax?: number | null
  /**
   * Seconds for which a tombstone is kept at least: an integer from 1 to 3,153,600,000. Set it to the topic's
   * `delete.retention.ms`, converted to seconds. Default: 86,400.
   */
  deleteRetentionSeconds?: number
  /** Seconds for which a topic that clients name in a path is kept after its last stream: 0 to 86,400. Default: 300. */
  topicsIdleSeconds?: number
  /** Bytes in the buses of all topics that clients name in a path: 1 MiB to 1024 GiB. Default: 2 GiB. */
  topicsBytesMax?: number
  /** Topics that are open because clients name them in a path: 1 to 1,000. Default: 100. */
  topicsOpenMax?: number
  /** Partitions, of all topics together, that metrics show one by one: 0 to 10,000. Default: 100. */
  metricsPartitionsMax?: number
  /** Topic by which replicas tell each other renewals and revocations. null, the default: each process is alone. */
  controlTopic?: string | null
}

export interface KafkaToken {
  readonly token: string
  /** A date, or epoch ms. */
  readonly expiresAt: Date | number
}

/** Who issues the tokens of a server that does not list `issuers`. */
export interface SingleIssuerOptions {
  /** The `iss` that a token must have, character by character: 1 to 1,000 characters. */
  issuer?: string
  /** Audiences, 1 to 100 texts of 1 to 1,000 characters: the `aud` of a token must name at least one of them. */
  audience?: string | string[]
  /**
   * Clients whose tokens are accepted without an audience, by `azp`, else `client_id`, `appid` or `cid`: at most 100. A
   * token with an audience must have one of `audience`. Default: none, so that every token must have an audience.
   */
  clients?: string[]
  /**
   * Public keys: the URL of a JWKS, the path of a JWKS, JWK or PEM file, or the text of such a file. At most 1 MiB.
   * Default: the key set that the issuer's discovery document names.
   */
  keys?: string
  /** The `typ` that a token's header must have, such as `at+jwt` (RFC 9068). null, the default: it is not compared. */
  typ?: string | null
  /**
   * The claim that holds the scopes, as an array or separated by spaces, or several that are read together: 1 to 20. A
   * claim by its name or its dotted path, `realm_access.roles`, with `["NAME"]` for a name that holds dots. Default:
   * `scope`.
   */
  scopeClaim?: string | string[]
  /**
   * Claims that a token must have, by name or path, each with its value: a text, an integer, true or false. Of a claim
   * that is a list one element must be it. Default: none; at most 20.
   */
  require?: Record<string, string | number | boolean>
  /**
   * Longest life of a token, from its `iat`, or from now if it has none, to its `exp`: 1 to 31,536,000 s. null, the
   * default: no limit; 86,400 with a control topic or a logout path. If it is set beside one of the two, a token
   * without `iat` is refused. With `authenticate`: of a session, from its `issuedAt` to its `expiresAt`.
   */
  lifetimeSecondsMax?: number | null
}

/** The options of one issuer, or `issuers`, or `authenticate`; and what is the same for all tokens. */
export interface AuthOptions extends SingleIssuerOptions {
  /** Identity providers whose tokens are accepted: 1 to 100, each with its own `issuer`. */
  issuers?: IssuerOptions[]
  /** `alg` of RSA keys that name none: RS256, RS384, RS512, PS256, PS384 or PS512. Default: RS256. */
  algorithm?: string
  /** Whether `?access_token=` is read if a request has no Authorization header. Default: true. */
  queryToken?: boolean
  /** Name of a cookie that holds the token: `__Host-…`, at most 200 characters. null, the default: none is read. */
  cookie?: string | null
  /**
   * Path of back-channel logout, below the plugin's prefix: letters, digits and `._~/-`, at most 1,000 characters.
   * null, the default: none.
   */
  logoutPath?: string | null
  /**
   * What a renewal must have the same. `session`: issuer and subject, and session (`sid` or `session_id`) and client
   * (`azp`, `client_id`, `appid` or `cid`) where the token that opened the stream had them. `subject`: issuer and
   * subject alone. Default: `session`.
   */
  renewBy?: 'session' | 'subject'
  /**
   * How far clocks may differ: 0 to 300 s. Default: 0. A stream ends so much after `exp`. For `nbf` and `iat` it is 5 s
   * at the least, and for `iat` 60 s at most.
   */
  clockToleranceSeconds?: number
  /** Time limit of one fetch of the key set: 10 to 60,000 ms. Default: 5,000. */
  jwksTimeoutMs?: number
  /**
   * Unknown keys may cause five fetches at once, and one more each time this has passed: 10 to 3,600,000 ms. Default:
   * 30,000. A failed fetch is repeated after it.
   */
  jwksCooldownMs?: number
  /**
   * Age of a key set whose answer names none: 10 to 86,400,000 ms. Default: 600,000. It is fetched again at four fifths
   * of its age.
   */
  jwksMaxAgeMs?: number
  /** How long beyond its age a key set is used while fetches fail: 0 to 604,800,000 ms. Default: 3,600,000. */
  jwksStaleMs?: number
  /** What the streams are called as an OAuth resource (RFC 9728): an https URL. null, the default: nothing says so. */
  resourceUrl?: string | null
  /**
   * The host application's own authentication, which replaces all options above but `renewBy` and
   * `lifetimeSecondsMax`. It resolves with a session, or with null for a 401. An error that it throws is answered as
   * the host's own. Any other answer: 500 `FKS_SESSION_INVALID`.
   */
  authenticate?: (request: FastifyRequest) => HostAnswer | null | Promise<HostAnswer | null>
}

/** One of `issuers`: as the options of the same names of a server with one issuer. `issuer` is required. */
export interface IssuerOptions {
  issuer: string
  audiences?: string[]
  clients?: string[]
  keys?: string
  typ?: string | null
  scopeClaims?: string[]
  require?: Record<string, string | number | boolean>
  lifetimeSecondsMax?: number | null
}

export interface StreamOptions {
  /**
   * Path of the stream in Fastify's notation, such as `/events` or `/orders/:customer`: no query, at most 1,000
   * characters.
   */
  path: string
  /**
   * Name of the Kafka topic: at most 249 letters, digits, dots, underscores and hyphens. Or `{params.NAME}`: the
   * parameter of the path names one of `topics`.
   */
  topic: string
  /** Names that `{params.NAME}` may stand for: 1 to 1,000, each once. Required with it, and an error without it. */
  topics?: string[]
  /**
   * Scope that a token must grant (RFC 6749 section 3.3). null accepts every valid token. Default: `proxy:stream`.
   */
  scope?: string | null
  /** How values are written: `text` (UTF-8), `base64`, or `envelope` (JSON with key and headers). Default: `text`. */
  encoding?: Encoding
  /**
   * What a client without an event ID gets first: the newest value of each key (`latest`), every retained record
   * (`all`) or nothing (`none`). With `latest` superseded values may also be skipped later. Default: `latest`.
   */
  replay?: Replay
  /**
   * Template of the key that a record must have. A template is text of 1 to 1,000 characters with `{params.NAME}`, a
   * parameter of the path, and `{token.CLAIM}`, a claim by its dotted path, with `["NAME"]` for a name that holds
   * dots. A claim that is a list stands for each of its elements. Default of all options from here on: none, so that
   * the stream has every record of its topic.
   */
  key?: string
  /** Templates by name of a header that a record must have: at most 32. */
  headers?: Record<string, string>
  /** Templates by JSON Pointer (RFC 6901) of a field that a record's JSON value must have: at most 32. */
  fields?: Record<`/${string}`, string>
  /** Templates by `params.NAME`, at most 32: the values that this parameter of the path may have. */
  where?: Record<`params.${string}`, string>
  /**
   * What a client may choose among the records that it may have, by query parameters of these names: 1 to 33 of
   * `key`, `headers.NAME`, `fields./POINTER`. A topic is selected by at most 32 headers and fields, in all its streams.
   */
  select?: ('key' | `headers.${string}` | `fields./${string}`)[]
  /** Whether event IDs tell offsets. Default: `sealed` where a template names `{token…}`, otherwise `plain`. */
  ids?: 'sealed' | 'plain'
}

/** A stream's options with their defaults. Those that narrow it stay unset where they are. */
export type ResolvedStream = StreamOptions &
  Required<Pick<StreamOptions, 'scope' | 'encoding' | 'replay' | 'ids'>>

export interface SseOptions {
  /** How long before its token's `exp` a stream is challenged: 0.1 to 3,600 s. Default: 10. */
  challengeSeconds: number
  /** Longest silence before a heartbeat comment is sent: 0.1 to 300 s. Default: 9. */
  heartbeatSeconds: number
  /** How long streams have to end at a shutdown: 0 to 600 s. Default: 10. */
  drainSeconds: number
  /**
   * How long the peer may take no byte of a write before the stream ends as `slow`: 0.1 to 3,600 s. The time that the
   * write's bytes are given is added. Default: 30.
   */
  stalledSeconds: number
  /** Age at which a stream ends: 1 to 31,536,000 s, for each up to a tenth less. null, the default: at no age. */
  ageMaxSeconds: number | null
  /** How long streams are written to before connections, renewals and deadlines run: 0.05 to 50 ms. Default: 0.3. */
  turnMs: number
  /** Open streams of the process: 1 to 1,000,000. Default: 20,000. One more is answered 429 `FKS_BUSY`. */
  streamsMax: number
  /** Open streams of one issuer and subject: 1 to 1,000,000. Default: 1,000. */
  streamsPerSubjectMax: number
  /** Open streams of one address: 1 to 1,000,000. Default: 20,000. Behind a load balancer all have its address. */
  streamsPerAddressMax: number
  /** Streams, and tickets, of one subject in a second: 1 to 1,000,000. Default: 100. One more is 429. */
  connectsPerSecondPerSubjectMax: number
  /** The same of one address: 1 to 1,000,000. Default: 1,000. */
  connectsPerSecondPerAddressMax: number
  /** Renewals of one subject in a second: 1 to 1,000,000. Default: 200. */
  renewalsPerSecondPerSubjectMax: number
  /** The same of one address: 1 to 1,000,000. Default: 2,000. */
  renewalsPerSecondPerAddressMax: number
  /** Tokens with a bad signature that are verified for one address in a second: 1 to 1,000,000. Default: 1,000. */
  failuresPerSecondPerAddressMax: number
  /**
   * Origins whose pages may read the streams, as browsers send them, `*` for all; at most 100. Default: `['*']`. Empty:
   * no CORS headers. With `auth.cookie` none is the default, and `*`, `null` and `file://` are errors.
   */
  corsOrigins: string[]
  /** Headers that pages of other origins may send beside those that they always may; at most 100. Default: `[]`. */
  corsHeaders: string[]
  /** Path, below the plugin's prefix, of health, metrics and status in a host's app. null, the default: not served. */
  adminPath: string | null
  /** How long the control topic may be silent before streams and renewals are refused: 5 to 3,600 s. Default: 30. */
  controlBlindSeconds: number
  /** What open streams do from then on: `continue` until their `exp`, or `end` at once. Default: `continue`. */
  controlBlind: 'continue' | 'end'
  /**
   * Key of what is made here to be read again, such as sealed event ids: 32 bytes or more in base64url, or two such
   * keys separated by a comma, of which the first makes and both read. The log calls users by hashes with the first
   * one. null, the default: a key of the process's own.
   */
  secretKey: string | null
  /** Whether each stream has tickets, at its path and `/ticket`. Default: false. */
  tickets: boolean
  /**
   * Path, below the plugin's prefix, of `openapi.json` and `asyncapi.json`, which describe the streams: letters, digits
   * and `._~-`, at most 1,000 characters. null, the default: not served.
   */
  descriptionPath: string | null
  /** Whether each refused token, ticket and session is a line in the log. Default: true. */
  logRefusals: boolean
  /** Whether the end of each stream is a line in the log. Default: true. */
  logStreamEnds: boolean
}

/** Checked options with all defaults: the result of `validateOptions` in src/config/parse.ts. */
export interface ResolvedOptions extends KafkaSseOptions {
  kafka: Required<Omit<KafkaOptions, 'token'>> & Pick<KafkaOptions, 'token'>
  auth: ResolvedAuth
  streams: ResolvedStream[]
  sse: SseOptions
}

export interface ResolvedIssuer extends Required<IssuerOptions> {
  /** Its tokens are refused without `iat`: a longest life was chosen, and revocations end after it. */
  isIatRequired: boolean
  /** What `issuer` is called where it was set, for errors: `JWT_ISSUER`, or `options.auth.issuers[0].issuer`. */
  issuerSetting: string
}

/** The issuers with all defaults. With `authenticate` there are none, and a longest life of its sessions instead. */
export type ResolvedAuth = Required<
  Omit<AuthOptions, keyof SingleIssuerOptions | 'issuers' | 'authenticate'>
> & {
  issuers: ResolvedIssuer[]
} & Pick<AuthOptions, 'authenticate' | 'lifetimeSecondsMax'>

/** Options of a server process, which also listens, ends TLS and logs: `parseEnvironment` in src/config/parse.ts. */
export interface ServerOptions extends ResolvedOptions {
  /** Name or address to listen at. `localhost` means its IPv4 and its IPv6 address, as in Fastify. */
  host: string
  /** 0 to 65,535. With 0 the operating system chooses one. */
  port: number
  adminHost: string
  /** 0 to 65,535. With 0 the operating system chooses one. */
  adminPort: number
  /** Host names that the admin port answers to, besides `adminHost`, `localhost` and any address. */
  adminHosts: string[]
  /** null: plain HTTP/1.1, behind a proxy that ends TLS. */
  tls: TlsOptions | null
  /** Open connections of all threads together: 1 to 1,000,000. */
  connectionsMax: number
  /** Open connections of one IPv4 address, or of one IPv6 /64: 1 to 1,000,000. */
  connectionsPerAddressMax: number
  /** Proxies that name the client in X-Forwarded-For: addresses and networks, or the number of proxies alone. */
  trustProxy: string[]
  /** Time from a stop signal to the drain: 0 to 600 s. Meanwhile all requests are answered, and readiness is red. */
  lingerSeconds: number
  /** Time between two looks at the files of the settings: 0 to 3,600 s. 0: they are not looked at. */
  reloadSeconds: number
  /** Lowest level that is logged. */
  logLevel: LogLevel
  /** Whether the page is served, besides the client that it uses. */
  page: boolean
  /** Threads that serve streams. With 1 the main thread serves them; it also reads from Kafka. */
  workers: number
  /** Set by `kafka-sse demo` only. */
  demo?: DemoOptions
  /** Set if CONFIG_FILE is a module. Other threads load it for its functions (src/threads/handover.ts). */
  configModule?: ConfigModule
}

/** A configuration module, which other threads load again for its functions. */
export interface ConfigModule {
  /** Absolute. */
  readonly path: string
  /** SHA-256 of the module's text and of all that it imports by path: src/config/config-file/module-files.ts. */
  readonly digest: string
}

export interface TlsOptions {
  /** Path of a PEM file: the server's certificate, then its intermediates. */
  certFile: string
  /** Path of a PEM file: the certificate's private key, without a passphrase. */
  keyFile: string
}

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'

export interface DemoOptions {
  /** Folder of the demo's keys and certificates. */
  folder: string
  /** Whether `POST /demo/token` (routes/demo-token.ts) is served. */
  tokens: boolean
  /** Paths of streams of whole records, by the paths of the streams of their values. */
  envelopes: Readonly<Record<string, string>>
}
