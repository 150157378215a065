// CONFIG_FILE: the plugin’s options in a file, beside the environment.

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NEEDED, SettingsScene } from './settings-scene.ts'

let scene: SettingsScene
beforeAll(async () => {
  scene = await SettingsScene.open()
})
afterAll(() => scene.close())

describe('CONFIG_FILE', () => {
  test('holds the plugin’s options, and the environment wins over it', async () => {
    const CONFIG_FILE = scene.file(
      'options.json',
      JSON.stringify({
        kafka: { bootstrapServers: 'elsewhere:1', config: { 'client.id': 'a', 'client.rack': 'b' } },
        streams: [
          { path: '/a', topic: 'a', scope: null },
          { path: '/b', topic: 'b', encoding: 'base64' },
        ],
        sse: { heartbeatSeconds: 5, streamsMax: 7 },
      }),
    )
    const options = await scene.parse({
      ...NEEDED,
      CONFIG_FILE,
      STREAMS_MAX: '8',
      KAFKA_CONFIG_CLIENT_RACK: 'c',
    })
    expect(options).toMatchObject({
      kafka: {
        bootstrapServers: NEEDED.KAFKA_BOOTSTRAP_SERVERS,
        config: { 'client.id': 'a', 'client.rack': 'c' },
      },
      streams: [
        { path: '/a', topic: 'a', scope: null, encoding: 'text', replay: 'latest' },
        { path: '/b', topic: 'b', scope: 'proxy:stream', encoding: 'base64' },
      ],
      sse: { heartbeatSeconds: 5, streamsMax: 8 },
    })
  })

  test('may be a module, whose functions stay what they are', async () => {
    const CONFIG_FILE = scene.file(
      'options.mjs',
      'export default { auth: { authenticate: async () => ({}) } }',
    )
    const { auth } = await scene.parse({ KAFKA_BOOTSTRAP_SERVERS: 'k:1', TLS: 'off', CONFIG_FILE })
    expect(auth).toMatchObject({ issuers: [], authenticate: expect.any(Function) })
  })

  test('may list issuers, instead of the one that variables set', async () => {
    const issuers = [
      { issuer: 'https://a.test/', audiences: ['api'], require: { ver: 2, email_verified: true } },
      { issuer: 'https://b.test/', clients: ['web'], keys: 'https://b.test/jwks', scopeClaims: ['scp'] },
    ]
    const CONFIG_FILE = scene.file('issuers.json', JSON.stringify({ auth: { issuers } }))
    const env = { KAFKA_BOOTSTRAP_SERVERS: 'k:1', TLS: 'off', CONFIG_FILE }
    const rest = { typ: null, lifetimeSecondsMax: null, isIatRequired: false }
    expect((await scene.parse(env)).auth.issuers).toEqual([
      {
        ...rest,
        ...issuers[0],
        issuerSetting: `${CONFIG_FILE}: auth.issuers[0].issuer`,
        clients: [],
        scopeClaims: ['scope'],
        keys: 'https://a.test/.well-known/openid-configuration',
      },
      {
        ...rest,
        ...issuers[1],
        issuerSetting: `${CONFIG_FILE}: auth.issuers[1].issuer`,
        audiences: [],
        require: {},
      },
    ])
    expect(await scene.problemsOf({ ...env, JWT_AUDIENCE: 'api', JWT_TYP: 'at+jwt' })).toEqual([
      'JWT_AUDIENCE sets the only issuer of a server, and auth.issuers lists them: keep one of the two',
      'JWT_TYP sets the only issuer of a server, and auth.issuers lists them: keep one of the two',
    ])
  })

  test('names each fault of its issuers by its place', async () => {
    const key = join(scene.folder, 'private.pem')
    const issuers = [
      { issuer: 'acme', audiences: [] },
      { issuer: 'https://b.test', clients: ['web'], keys: key, scopeClaims: ['a', 'b[c]'] },
      { issuer: 'https://b.test', audience: 'api', require: { x: null } },
      'https://c.test',
      { audiences: ['a'], typ: 'logout+jwt' },
    ]
    const CONFIG_FILE = scene.file('faulty-issuers.json', JSON.stringify({ auth: { issuers } }))
    const problems = await scene.problemsOf({ KAFKA_BOOTSTRAP_SERVERS: 'k:1', TLS: 'off', CONFIG_FILE })
    const at = (index: number) => `${CONFIG_FILE}: auth.issuers[${index}]`
    expect(problems).toEqual([
      `${at(0)}.audiences takes a list of 1 to 100 texts of 1 to 1000 characters, not an empty list`,
      `${at(2)}.audience is not an option; did you mean audiences?`,
      `${at(2)}.require.x takes a text of 1 to 1000 characters, an integer, true or false, not null`,
      `${at(3)} takes an object, not "https://c.test"`,
      expect.stringContaining(`${at(0)}.keys is missing: the issuer is no address with https`),
      `${at(1)}.scopeClaims[1] is no path of a claim: a name with dots stands in brackets and double quotes`,
      expect.stringContaining(`${at(2)}.audiences is missing: `),
      `${at(2)}.issuer is listed twice: "https://b.test"`,
      expect.stringContaining(`${at(4)}.issuer is missing: `),
      `${at(4)}.typ names tokens that are never accepted here`,
      `${at(1)}.keys holds a private key: a server is given public keys only`,
    ])
  })

  test('may narrow its streams, and says where it does so wrongly', async () => {
    const stream = { path: '/orders/:customer', topic: 'orders' }
    const narrowed = { ...stream, key: '{params.customer}', where: { 'params.customer': '{token.sub}' } }
    const right = scene.file('narrowed.json', JSON.stringify({ streams: [narrowed] }))
    expect((await scene.parse({ ...NEEDED, CONFIG_FILE: right })).streams).toMatchObject([
      { ...narrowed, ids: 'sealed' },
    ])
    const wrong = { ...stream, headers: { user: '{params.user}' }, fields: { tenant: 'a' } }
    const CONFIG_FILE = scene.file(
      'wrongly.json',
      JSON.stringify({ streams: [stream, { ...wrong, path: '/b' }] }),
    )
    expect(await scene.problemsOf({ ...NEEDED, CONFIG_FILE })).toEqual([
      `${CONFIG_FILE}: streams[1].fields.tenant is not a JSON Pointer (RFC 6901) of 1 to 1000 characters, such as /tenant`,
      `${CONFIG_FILE}: streams[1].headers.user names {params.user}, which the path does not have as :user`,
    ])
  })

  test('its faults are named by file and place', async () => {
    const CONFIG_FILE = scene.file(
      'wrong.json',
      '{ "port": 1, "sse": { "hartbeatSeconds": 5 }, "streams": [{ "path": "a", "topic": "t" }, { "path": "/b" }] }',
    )
    expect(await scene.problemsOf({ ...NEEDED, CONFIG_FILE })).toEqual([
      `${CONFIG_FILE}: port is not an option: set PORT in the environment`,
      `${CONFIG_FILE}: streams[0].path takes a path that begins with / and has no query, not "a"`,
      `${CONFIG_FILE}: streams[1].topic is missing: a topic's name: ` +
        'letters, digits, dots, underscores and hyphens, 249 at most; or {params.NAME} alone',
      `${CONFIG_FILE}: sse.hartbeatSeconds is not an option; did you mean heartbeatSeconds?`,
    ])
  })

  test('a list of streams and KAFKA_TOPIC contradict each other', async () => {
    const CONFIG_FILE = scene.file('list.json', '{ "streams": [{ "path": "/a", "topic": "a" }] }')
    expect(await scene.problemsOf({ ...NEEDED, CONFIG_FILE, KAFKA_TOPIC: 'b' })).toEqual([
      `KAFKA_TOPIC sets the stream of a server without a list of streams, and ${CONFIG_FILE} has a list`,
    ])
  })

  test.each([
    ['missing.json', null, 'there is no such file'],
    ['broken.json', '{ "secret": ', 'it is not well-formed'],
    ['throwing.mjs', 'throw new Error("no database")', 'no database'],
  ])('%s is named in a line', async (name, text, reason) => {
    const CONFIG_FILE = text === null ? join(scene.folder, name) : scene.file(name, text)
    expect(await scene.problemsOf({ ...NEEDED, CONFIG_FILE })).toEqual([
      `CONFIG_FILE: cannot read ${CONFIG_FILE}: ${reason}`,
    ])
  })

  test.each(['marked.json', 'marked.mjs'])('%s may begin with a byte order mark', async (name) => {
    const json = '{\r\n "streams": [{ "path": "/a", "topic": "a" }] }\r\n'
    const text = name.endsWith('.json') ? json : `export default ${json}`
    const CONFIG_FILE = scene.file(name, `\uFEFF${text}`)
    expect((await scene.parse({ ...NEEDED, CONFIG_FILE })).streams).toMatchObject([{ path: '/a' }])
  })

  test('a text where an object belongs is named, and does not swallow the variables', async () => {
    const CONFIG_FILE = scene.file('text.json', '{ "kafka": "localhost" }')
    const problems = await scene.problemsOf({ ...NEEDED, CONFIG_FILE })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain('takes an object with bootstrapServers, not "localhost"')
  })
})

test.each([['options.json'], ['options.mjs']])(
  'a $schema, which editors read, is passed over in %s',
  async (name) => {
    const written = JSON.stringify({ $schema: './config.schema.json', sse: { heartbeatSeconds: 5 } })
    const CONFIG_FILE = scene.file(
      `schema-${name}`,
      name.endsWith('.mjs') ? `export default ${written}` : written,
    )
    expect((await scene.parse({ ...NEEDED, CONFIG_FILE })).sse.heartbeatSeconds).toBe(5)
  },
)

test('a $schema that names none, or stands elsewhere, is no option', async () => {
  const CONFIG_FILE = scene.file('schemas.json', JSON.stringify({ $schema: 5, sse: { $schema: 'a' } }))
  expect(await scene.problemsOf({ ...NEEDED, CONFIG_FILE })).toEqual([
    `${CONFIG_FILE}: $schema is not an option`,
    `${CONFIG_FILE}: sse.$schema is not an option`,
  ])
})

test('sse.adminPath is for the plugin: a server has a port for it', async () => {
  const CONFIG_FILE = scene.file('admin.json', JSON.stringify({ sse: { adminPath: '/ops' } }))
  const problem = `${CONFIG_FILE}: sse.adminPath is for the plugin: a server has ADMIN_PORT`
  expect(await scene.problemsOf({ ...NEEDED, CONFIG_FILE })).toEqual([problem])
})
