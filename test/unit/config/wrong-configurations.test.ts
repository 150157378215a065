// Wrong configurations, each with the one line that says what is wrong.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { NEEDED, SettingsScene } from './settings-scene.ts'

let scene: SettingsScene
beforeAll(async () => {
  scene = await SettingsScene.open()
})
afterAll(() => scene.close())

/** What is set beside, or in place of, what a server needs. An empty variable counts as not set. */
const CONFIGURATIONS: readonly (readonly [Record<string, string>, string])[] = [
  [
    { KAFKA_BOOTSTRAP_SERVERS: '' },
    'KAFKA_BOOTSTRAP_SERVERS is not set: host:port, several separated by commas',
  ],
  [
    { KAFKA_BOOTSTRAP_SERVERS: '', KAFKA_BROKERS: 'kafka-1:9092' },
    'KAFKA_BROKERS is not a setting; did you mean KAFKA_BOOTSTRAP_SERVERS?',
  ],
  [
    { KAFKA_BOOTSTRAP_SERVERS: '', KAFKA_URL: 'kafka://kafka-1:9092' },
    'KAFKA_URL is not a setting; did you mean KAFKA_BOOTSTRAP_SERVERS?',
  ],
  [
    { KAFKA_BOOTSTRAP_SERVERS: 'kafka-1' },
    'KAFKA_BOOTSTRAP_SERVERS takes host:port, several separated by commas, not "kafka-1"',
  ],
  [
    { KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:65536' },
    'KAFKA_BOOTSTRAP_SERVERS takes host:port, several separated by commas, not "kafka-1:65536"',
  ],
  [
    { KAFKA_BOOTSTRAP_SERVERS: 'https://kafka-1:9092' },
    'KAFKA_BOOTSTRAP_SERVERS takes host:port, several separated by commas, not "https://kafka-1:9092"',
  ],
  [
    { KAFKA_BOOTSTRAP_SERVERS: 'SASL_SSL://kafka-1:9092' },
    'KAFKA_BOOTSTRAP_SERVERS names a broker by SASL_SSL://, and security.protocol is plaintext: set that to sasl_ssl',
  ],
  [
    { KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:9092;kafka-2:9092' },
    'KAFKA_BOOTSTRAP_SERVERS takes host:port, several separated by commas, not "kafka-1:9092;kafka-2:9092"',
  ],
  [{ KAFKA_TOPC: 'a' }, 'KAFKA_TOPC is not a setting; did you mean KAFKA_TOPIC?'],
  [
    { KAFKA_TOPIC: 'a b' },
    'KAFKA_TOPIC takes a topic\'s name: letters, digits, dots, underscores and hyphens, 249 at most; or {params.NAME} alone, not "a b"',
  ],
  [{ KAFKA_PORT: '9092' }, 'KAFKA_PORT is not a setting'],
  [
    { KAFKA_SASL_PASSWORD: 'hunter2' },
    'KAFKA_SASL_PASSWORD is not a setting; did you mean KAFKA_CONFIG_SASL_PASSWORD?',
  ],
  [
    {
      KAFKA_CONFIG_SECURITY_PROTOCOL: 'sasl_ssl',
      KAFKA_CONFIG_SASL_MECHANISMS: 'PLAIN',
      KAFKA_CONFIG_SASL_USERNAME: 'u',
    },
    'KAFKA_CONFIG_SASL_PASSWORD is not set: PLAIN needs it',
  ],
  [
    {
      KAFKA_CONFIG_SECURITY_PROTOCOL: 'sasl_ssl',
      KAFKA_CONFIG_SASL_MECHANISMS: 'PLAIN',
      KAFKA_CONFIG_SASL_PASSWORD: 'hunter2',
    },
    'KAFKA_CONFIG_SASL_USERNAME is not set: PLAIN needs it',
  ],
  [
    {
      KAFKA_CONFIG_SECURITY_PROTOCOL: 'sasl_ssl',
      KAFKA_CONFIG_SASL_USERNAME: 'u',
      KAFKA_CONFIG_SASL_PASSWORD: 'hunter2',
    },
    'KAFKA_CONFIG_SASL_MECHANISMS is not set: one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, GSSAPI',
  ],
  [
    { KAFKA_CONFIG_SASL_USERNAME: 'u', KAFKA_CONFIG_SASL_PASSWORD: 'hunter2' },
    'KAFKA_CONFIG_SASL_USERNAME means nothing while security.protocol is plaintext: set that to sasl_ssl',
  ],
  [
    {
      KAFKA_CONFIG_SECURITY_PROTOCOL: 'sasl_ssl',
      KAFKA_CONFIG_SASL_MECHANISMS: 'AWS_MSK_IAM',
      KAFKA_CONFIG_SASL_USERNAME: 'u',
      KAFKA_CONFIG_SASL_PASSWORD: 'hunter2',
    },
    'KAFKA_CONFIG_SASL_MECHANISMS takes one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, GSSAPI, not "AWS_MSK_IAM"',
  ],
  [
    {
      KAFKA_CONFIG_SECURITY_PROTOCOL: 'sasl_ssl',
      KAFKA_CONFIG_SASL_MECHANISMS: 'plain',
      KAFKA_CONFIG_SASL_USERNAME: 'u',
      KAFKA_CONFIG_SASL_PASSWORD: 'hunter2',
    },
    'KAFKA_CONFIG_SASL_MECHANISMS takes one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, GSSAPI, not "plain"',
  ],
  [
    { KAFKA_CONFIG_SECURITY_PROTOCOL: 'sasl_ssl', KAFKA_CONFIG_SASL_MECHANISMS: 'OAUTHBEARER' },
    'KAFKA_CONFIG_SASL_OAUTHBEARER_METHOD is not set: OAUTHBEARER needs tokens, by oidc with sasl.oauthbearer.token.endpoint.url, or by kafka.token',
  ],
  [
    {
      KAFKA_CONFIG_SECURITY_PROTOCOL: 'sasl_ssl',
      KAFKA_CONFIG_SASL_MECHANISMS: 'OAUTHBEARER',
      KAFKA_CONFIG_SASL_OAUTHBEARER_METHOD: 'oidc',
      KAFKA_CONFIG_SASL_OAUTHBEARER_CLIENT_ID: 'i',
      KAFKA_CONFIG_SASL_OAUTHBEARER_CLIENT_SECRET: 'hunter2',
    },
    'KAFKA_CONFIG_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL is not set: sasl.oauthbearer.method is oidc',
  ],
  [
    {
      KAFKA_CONFIG_SECURITY_PROTOCOL: 'sasl_ssl',
      KAFKA_CONFIG_SASL_MECHANISMS: 'OAUTHBEARER',
      KAFKA_CONFIG_SASL_OAUTHBEARER_METHOD: 'oidc',
      KAFKA_CONFIG_SASL_OAUTHBEARER_CLIENT_ID: 'i',
      KAFKA_CONFIG_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: 'https://id.acme.test/token',
    },
    'KAFKA_CONFIG_SASL_OAUTHBEARER_CLIENT_SECRET is not set: sasl.oauthbearer.method is oidc',
  ],
  [
    { KAFKA_CONFIG_SECURITY_PROTOCOL: 'tls' },
    'KAFKA_CONFIG_SECURITY_PROTOCOL takes one of plaintext, ssl, sasl_plaintext, sasl_ssl',
  ],
  [
    { KAFKA_CONFIG_SSL_CA_LOCATION: '/etc/ssl/ca.pem' },
    'KAFKA_CONFIG_SSL_CA_LOCATION means nothing while security.protocol is plaintext: set that to ssl',
  ],
  [
    { KAFKA_CONFIG_SECURITY_PROTOCOL: 'ssl', KAFKA_CONFIG_SSL_CA_LOCATION: '/nope' },
    'KAFKA_CONFIG_SSL_CA_LOCATION names "/nope", which cannot be read: there is no such file',
  ],
  [
    { KAFKA_CONFIG_SECURITY_PROTOCOL: 'ssl', KAFKA_CONFIG_SSL_CA_PEM: 'x' },
    'KAFKA_CONFIG_SSL_CA_PEM is no certificate in PEM',
  ],
  [
    {
      KAFKA_CONFIG_SECURITY_PROTOCOL: 'ssl',
      KAFKA_CONFIG_SSL_KEY_LOCATION: '-----BEGIN PRIVATE KEY-----hunter2',
    },
    'KAFKA_CONFIG_SSL_KEY_LOCATION takes a path: PEM text is for ssl.key.pem',
  ],
  [
    { JWT_ISSUER: '' },
    "JWT_ISSUER is not set: `iss` that a token must carry: the identity provider's address, character by character",
  ],
  [
    { JWT_ISSUER: '', OIDC_ISSUER: 'https://id.acme.test/' },
    'OIDC_ISSUER is not a setting; did you mean JWT_ISSUER?',
  ],
  [
    { JWT_AUDIENCE: '' },
    'JWT_AUDIENCE is not set: Audiences: the `aud` of a token must name at least one of them. Where tokens carry none, set JWT_CLIENTS (clients) instead',
  ],
  [
    { JWT_ISSUER: 'acme' },
    'JWT_KEYS is not set: the issuer is no address with https:// or http:// and without a password, so no discovery document can name them',
  ],
  [{ JWT_KEYS: '/nope' }, 'JWT_KEYS: cannot read /nope: there is no such file'],
  [{ JWKS_URI: 'https://id.acme.test/keys' }, 'JWKS_URI is not a setting; did you mean JWT_KEYS?'],
  [{ JWT_TYP: 'dpop+jwt' }, 'JWT_TYP names tokens that are never accepted here'],
  [{ JWT_QUERY_TOKEN: 'false' }, 'JWT_QUERY_TOKEN takes on or off, not "false"'],
  [
    { TLS: 'on', TLS_CERT_FILE: '/nope', TLS_KEY_FILE: '' },
    'TLS_KEY_FILE is not set: a path in PEM, or TLS=off behind a proxy that ends TLS',
  ],
  [{ TLS_CERT_FILE: '/nope' }, 'TLS_CERT_FILE is set although TLS=off'],
  [{ TLS: 'yes' }, 'TLS takes one of on, off, not "yes"'],
  [{ PORT: 'abc' }, 'PORT takes an integer from 0 to 65535, not "abc"'],
  [{ HEARTBEAT_SECONDS: '9s' }, 'HEARTBEAT_SECONDS takes a number from 0.1 to 300, not "9s"'],
  [{ STREAM_MAX: '5' }, 'STREAM_MAX is not a setting; did you mean STREAMS_MAX?'],
  [{ CORS_ORIGIN: 'https://a.test' }, 'CORS_ORIGIN is not a setting; did you mean CORS_ORIGINS?'],
  [
    { CORS_ORIGINS: 'a.test' },
    'CORS_ORIGINS has "a.test", which no browser sends as an origin: give scheme, host and port, such as https://app.example.com:8443',
  ],
  [
    { KAFKA_CONTROL_TOPIC: 'control' },
    "SECRET_KEY is not set: a control topic needs it, the same on every replica (openssl rand -base64 32 | tr '+/' '-_')",
  ],
  [
    { SECRET_KEY: 'short' },
    'SECRET_KEY takes 32 random bytes or more in base64url, or two such keys separated by a comma',
  ],
  [{ PORT: '9464' }, 'PORT is the admin port, too: 9464'],
  [
    { HOST: 'localhost', PORT: '8443', ADMIN_PORT: '8443' },
    'ADMIN_PORT is the port of the streams, too: 8443',
  ],
  [{ HOST: '::', PORT: '9464' }, 'PORT is the admin port, too: 9464'],
  [{ HOST: '::1', ADMIN_HOST: 'localhost', PORT: '9464' }, 'PORT is the admin port, too: 9464'],
  [{ HOST: '::1', ADMIN_HOST: '::', PORT: '9464' }, 'PORT is the admin port, too: 9464'],
  [
    { TRUST_PROXY: '0.0.0.0/0' },
    'TRUST_PROXY has "0.0.0.0/0", which is every address there is, so that any client could choose its own',
  ],
  [{ WORKERS: '64' }, 'WORKERS takes an integer from 1 to 32, not 64'],
  [{ DEMO_TOKENS: 'on' }, 'DEMO_TOKENS is for kafka-sse demo alone'],
  [{ JWT_SCOPE: 'null' }, 'JWT_SCOPE is null: in a variable, write none'],
  [{ PORT_FILE: '/nope' }, 'PORT_FILE: cannot read /nope: there is no such file'],
  [{ CONFIG_FILE: '/nope.json' }, 'CONFIG_FILE: cannot read /nope.json: there is no such file'],
  [{ JWT_COOKIE: 'token' }, 'JWT_COOKIE takes the name of a cookie that begins with __Host-, not "token"'],
  [{ LOG_REFUSALS: 'no' }, 'LOG_REFUSALS takes on or off, not "no"'],
]

test.each(CONFIGURATIONS)('%j is one line', async (env, line) => {
  const problems = await scene.problemsOf({ ...NEEDED, ...env })
  expect(problems).toEqual([line])
  expect(problems.join()).not.toContain('hunter2')
})

test('there are forty of them and more', () => {
  expect(CONFIGURATIONS.length).toBeGreaterThanOrEqual(40)
})
