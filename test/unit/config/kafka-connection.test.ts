// Connections to Kafka that could never work: each is one line, before anything starts.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { validateOptions } from '../../../src/config/parse.ts'
import type { KafkaOptions } from '../../../src/options.ts'
import { NEEDED, SettingsScene } from './settings-scene.ts'

let scene: SettingsScene
beforeAll(async () => {
  scene = await SettingsScene.open()
})
afterAll(() => scene.close())

type Config = Readonly<Record<string, string>>

function variables(config: Config): Record<string, string> {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      `KAFKA_CONFIG_${name.toUpperCase().replaceAll('.', '_')}`,
      value,
    ]),
  )
}

const PLAIN = { 'security.protocol': 'sasl_plaintext', 'sasl.mechanisms': 'PLAIN' }
const BEARER = { 'security.protocol': 'SASL_PLAINTEXT', 'sasl.mechanism': 'OAUTHBEARER' }
const OIDC = { ...BEARER, 'sasl.oauthbearer.method': 'oidc' }
const ENDPOINT = { 'sasl.oauthbearer.token.endpoint.url': 'https://id.test/token' }

describe('a connection to Kafka that cannot work', () => {
  test.each<[string, Config, string]>([
    ['another protocol', { 'security.protocol': 'tls' }, 'SECURITY_PROTOCOL takes one of plaintext, ssl, '],
    ['no user', { ...PLAIN, 'sasl.password': 'p' }, 'SASL_USERNAME is not set: PLAIN needs it'],
    ['no password', { ...PLAIN, 'sasl.username': 'u' }, 'SASL_PASSWORD is not set: PLAIN needs it'],
    [
      'a password without a mechanism',
      { 'security.protocol': 'sasl_ssl', 'sasl.username': 'u', 'sasl.password': 'p' },
      'SASL_MECHANISMS is not set: one of PLAIN, SCRAM-SHA-256, ',
    ],
    [
      'a mechanism that librdkafka lacks',
      { 'security.protocol': 'sasl_ssl', 'sasl.mechanism': 'AWS_MSK_IAM' },
      'SASL_MECHANISM takes one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, GSSAPI, not "AWS_MSK_IAM"',
    ],
    [
      'a user without SASL',
      { 'sasl.username': 'u' },
      'SASL_USERNAME means nothing while security.protocol is plaintext: set that to sasl_ssl',
    ],
    [
      'a certificate without TLS',
      { 'ssl.ca.location': '/nope' },
      'SSL_CA_LOCATION means nothing while security.protocol is plaintext: set that to ssl',
    ],
    [
      'a certificate without TLS, with SASL',
      { ...PLAIN, 'sasl.username': 'u', 'sasl.password': 'p', 'ssl.ca.location': '/nope' },
      'SSL_CA_LOCATION means nothing while security.protocol is sasl_plaintext: set that to sasl_ssl',
    ],
    [
      'a CA file that is not there',
      { 'security.protocol': 'ssl', 'ssl.ca.location': '/nope' },
      'SSL_CA_LOCATION names "/nope", which cannot be read: there is no such file',
    ],
    [
      'PEM text for a path',
      { 'security.protocol': 'ssl', 'ssl.key.location': '-----BEGIN PRIVATE KEY-----\nMII' },
      'SSL_KEY_LOCATION takes a path: PEM text is for ssl.key.pem',
    ],
    [
      'a CA that is no certificate',
      { 'security.protocol': 'ssl', 'ssl.ca.pem': 'hello' },
      'SSL_CA_PEM is no certificate in PEM',
    ],
    [
      'no way to a token',
      BEARER,
      'SASL_OAUTHBEARER_METHOD is not set: OAUTHBEARER needs tokens, by oidc with ',
    ],
    [
      'OIDC without an endpoint',
      { ...OIDC, 'sasl.oauthbearer.client.id': 'i', 'sasl.oauthbearer.client.secret': 's' },
      'SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL is not set: sasl.oauthbearer.method is oidc',
    ],
    [
      'OIDC without a secret',
      { ...OIDC, ...ENDPOINT, 'sasl.oauthbearer.client.id': 'i' },
      'SASL_OAUTHBEARER_CLIENT_SECRET is not set: sasl.oauthbearer.method is oidc',
    ],
  ])('because of %s is one line', async (_what, config, line) => {
    const problems = await scene.problemsOf({ ...NEEDED, ...variables(config) })
    expect(problems).toEqual([expect.stringContaining(`KAFKA_CONFIG_${line}`)])
  })

  test('because of a file that is something else is one line', async () => {
    const text = scene.file('text.pem', 'no certificate\n')
    for (const [name, kind] of [
      ['ssl.ca.location', 'certificate'],
      ['ssl.certificate.location', 'certificate'],
      ['ssl.key.location', 'private key'],
    ] as const) {
      const config = { 'security.protocol': 'ssl', [name]: text }
      expect(await scene.problemsOf({ ...NEEDED, ...variables(config) })).toEqual([
        expect.stringMatching(new RegExp(`^KAFKA_CONFIG_SSL_\\w+ names ".*", which is no ${kind} in PEM$`)),
      ])
    }
  })

  test('because of a scheme is one line', async () => {
    const KAFKA_BOOTSTRAP_SERVERS = 'PLAINTEXT://a:1,SASL_SSL://b:1'
    expect(await scene.problemsOf({ ...NEEDED, KAFKA_BOOTSTRAP_SERVERS })).toEqual([
      'KAFKA_BOOTSTRAP_SERVERS names a broker by SASL_SSL://, and security.protocol is plaintext: set that to sasl_ssl',
    ])
  })

  test('is named by its place in the plugin’s options', () => {
    const problemsOf = (kafka: Partial<KafkaOptions>) => {
      try {
        validateOptions({
          kafka: { bootstrapServers: 'k:1', ...kafka },
          auth: { authenticate: () => null },
          streams: [{ path: '/a', topic: 'a' }],
        })
      } catch (error) {
        return (error as { problems?: readonly string[] }).problems
      }
      return []
    }
    const token = () => ({ token: 't', expiresAt: 1 })
    expect(problemsOf({ config: BEARER, token })).toEqual([])
    expect(problemsOf({ config: PLAIN })).toHaveLength(2)
    expect(problemsOf({ token })).toEqual([
      'options.kafka.token means nothing while security.protocol is plaintext: set that to sasl_ssl',
    ])
    expect(problemsOf({ config: OIDC, token })).toEqual([
      'options.kafka.config.sasl.oauthbearer.method is oidc, and kafka.token brings tokens, too: keep one of the two',
    ])
    const unsigned = { ...BEARER, 'enable.sasl.oauthbearer.unsecure.jwt': 'true' }
    expect(problemsOf({ config: unsigned, token })).toEqual([
      'options.kafka.config.enable.sasl.oauthbearer.unsecure.jwt is true, and kafka.token brings tokens, too: ' +
        'keep one of the two',
    ])
    expect(problemsOf({ config: { ...PLAIN, 'sasl.username': 'u', 'sasl.password': 'p' }, token })).toEqual([
      'options.kafka.config.sasl.mechanisms is PLAIN, and kafka.token is for OAUTHBEARER alone',
    ])
  })
})

test.each<[string, Config]>([
  ['a user and a password', { ...PLAIN, 'sasl.username': 'u', 'sasl.password': 'p' }],
  ['Kerberos, librdkafka’s default', { 'security.protocol': 'sasl_ssl' }],
  ['unsigned tokens', { ...BEARER, 'enable.sasl.oauthbearer.unsecure.jwt': 'true' }],
  [
    'OIDC by a client’s secret',
    {
      ...OIDC,
      ...ENDPOINT,
      'sasl.oauthbearer.client.credentials.client.id': 'i',
      'sasl.oauthbearer.client.secret': 's',
    },
  ],
  [
    'OIDC by an assertion',
    { ...OIDC, ...ENDPOINT, 'sasl.oauthbearer.grant.type': 'urn:ietf:params:oauth:grant-type:jwt-bearer' },
  ],
  ['the system’s certificates', { 'security.protocol': 'ssl', 'ssl.ca.location': 'probe' }],
  ['a folder of certificates', { 'security.protocol': 'ssl', 'ssl.ca.location': '/' }],
])('a connection with %s is accepted', async (_what, config) => {
  await expect(scene.parse({ ...NEEDED, ...variables(config) })).resolves.toBeDefined()
})

test('a CA file with a certificate is accepted', async () => {
  const config = { 'security.protocol': 'ssl', 'ssl.ca.location': `${scene.folder}/server.crt` }
  await expect(scene.parse({ ...NEEDED, ...variables(config) })).resolves.toBeDefined()
})
