// Settings in the environment: defaults, limits, names that are wrong, and values that a file holds; then those of the
// demo.

import { execFileSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { availableCores } from '../../../src/config/default-workers.ts'
import { parseDemoEnvironment } from '../../../src/config/parse.ts'
import { ONLY_STREAM } from '../../../src/config/streams/single-stream-settings.ts'
import { LOCAL_HOSTS } from '../../../src/demo/identity.ts'
import { NEEDED, SettingsScene } from './settings-scene.ts'

let scene: SettingsScene
beforeAll(async () => {
  scene = await SettingsScene.open()
})
afterAll(() => scene.close())

describe('a server’s environment', () => {
  test.each([
    ['0.0.0.0', '::1'],
    ['127.0.0.1', '::1'],
    ['10.0.0.1', '127.0.0.1'],
  ])('may have one port at %s and at %s, which are two', async (HOST, ADMIN_HOST) => {
    const env = { ...NEEDED, HOST, ADMIN_HOST, PORT: '8443', ADMIN_PORT: '8443' }
    expect(await scene.parse(env)).toMatchObject({ port: 8443, adminPort: 8443 })
  })

  test('fills in every default, and finds the keys by the issuer’s discovery document', async () => {
    expect(await scene.parse(NEEDED)).toEqual({
      kafka: {
        bootstrapServers: 'kafka-1:9092, kafka-2:9092',
        config: {},
        retainedBytesMax: 536_870_912,
        retainedRecordsMax: 5_000_000,
        retainedSecondsMax: null,
        deleteRetentionSeconds: 86_400,
        topicsIdleSeconds: 300,
        topicsBytesMax: 2_147_483_648,
        topicsOpenMax: 100,
        metricsPartitionsMax: 100,
        controlTopic: null,
      },
      auth: {
        issuers: [
          {
            issuer: 'https://id.acme.test/',
            audiences: ['https://api.acme.test'],
            clients: [],
            keys: 'https://id.acme.test/.well-known/openid-configuration',
            typ: null,
            scopeClaims: ['scope'],
            require: {},
            lifetimeSecondsMax: null,
            isIatRequired: false,
            issuerSetting: 'JWT_ISSUER',
          },
        ],
        algorithm: 'RS256',
        renewBy: 'session',
        logoutPath: null,
        queryToken: true,
        cookie: null,
        clockToleranceSeconds: 0,
        jwksTimeoutMs: 5_000,
        jwksCooldownMs: 30_000,
        jwksMaxAgeMs: 600_000,
        jwksStaleMs: 3_600_000,
        resourceUrl: null,
      },
      streams: [
        {
          path: '/events',
          topic: 'events',
          scope: 'proxy:stream',
          encoding: 'text',
          replay: 'latest',
          ids: 'plain',
        },
      ],
      sse: {
        challengeSeconds: 10,
        heartbeatSeconds: 9,
        drainSeconds: 10,
        stalledSeconds: 30,
        ageMaxSeconds: null,
        turnMs: 0.3,
        streamsMax: 20_000,
        streamsPerSubjectMax: 1_000,
        streamsPerAddressMax: 20_000,
        connectsPerSecondPerSubjectMax: 100,
        connectsPerSecondPerAddressMax: 1_000,
        renewalsPerSecondPerSubjectMax: 200,
        renewalsPerSecondPerAddressMax: 2_000,
        failuresPerSecondPerAddressMax: 1_000,
        controlBlindSeconds: 30,
        controlBlind: 'continue',
        corsOrigins: ['*'],
        corsHeaders: [],
        adminPath: null,
        secretKey: null,
        tickets: false,
        descriptionPath: null,
        logRefusals: true,
        logStreamEnds: true,
      },
      host: '0.0.0.0',
      port: 7143,
      adminHost: '127.0.0.1',
      adminPort: 9464,
      adminHosts: [],
      tls: null,
      lingerSeconds: 0,
      page: false,
      reloadSeconds: 10,
      connectionsMax: 25_000,
      connectionsPerAddressMax: 25_000,
      trustProxy: [],
      logLevel: 'info',
      workers: Math.max(1, availableCores() - 1),
    })
  })

  test('sets one issuer: its audiences, clients, claims and times', async () => {
    const { auth, streams } = await scene.parse({
      ...NEEDED,
      JWT_AUDIENCE: 'https://a.test, https://b.test',
      JWT_CLIENTS: 'web,app',
      JWT_TYP: 'at+jwt',
      JWT_SCOPE_CLAIM: 'scp, realm_access.roles',
      JWT_REQUIRE: 'token_use=access,https://a.test/x=a=b',
      JWT_LIFETIME_MAX_SECONDS: '86400',
      JWT_SCOPE: 'none',
    })
    expect(auth.issuers).toEqual([
      {
        issuer: 'https://id.acme.test/',
        audiences: ['https://a.test', 'https://b.test'],
        clients: ['web', 'app'],
        keys: 'https://id.acme.test/.well-known/openid-configuration',
        typ: 'at+jwt',
        scopeClaims: ['scp', 'realm_access.roles'],
        require: { token_use: 'access', 'https://a.test/x': 'a=b' },
        lifetimeSecondsMax: 86_400,
        isIatRequired: false,
        issuerSetting: 'JWT_ISSUER',
      },
    ])
    expect(streams[0]?.scope).toBeNull()
  })

  test('takes none for no value, and refuses null, which would be a scope or a topic of that name', async () => {
    expect((await scene.parse({ ...NEEDED, JWT_SCOPE: 'none' })).streams[0]?.scope).toBeNull()
    const JWT_TYP_FILE = scene.file('typ', 'null\n')
    expect(await scene.problemsOf({ ...NEEDED, JWT_SCOPE: 'null', JWT_TYP_FILE })).toEqual([
      'JWT_SCOPE is null: in a variable, write none',
      'JWT_TYP_FILE is null: in a variable, write none',
    ])
  })

  test('reads a file with a byte order mark and the line end of Windows', async () => {
    const { JWT_ISSUER, ...others } = NEEDED
    const JWT_ISSUER_FILE = scene.file('issuer', `\uFEFF${JWT_ISSUER}\r\n`)
    expect((await scene.parse({ ...others, JWT_ISSUER_FILE })).auth.issuers).toMatchObject([
      { issuer: JWT_ISSUER },
    ])
  })

  test.each(['PLAINTEXT', 'ssl', 'SASL_SSL', 'sasl_plaintext'])(
    'takes a broker by %s://, where that is the protocol',
    async (protocol) => {
      const servers = `${protocol}://kafka-1:9092,kafka-2:9092`
      const { kafka } = await scene.parse({
        ...NEEDED,
        KAFKA_BOOTSTRAP_SERVERS: servers,
        KAFKA_CONFIG_SECURITY_PROTOCOL: protocol,
      })
      expect(kafka.bootstrapServers).toBe(servers)
    },
  )

  test.each(['http', 'https', 'kafka', 'sasl'])('refuses a broker by %s://', async (protocol) => {
    const servers = `kafka-1:9092,${protocol}://kafka-2:9092`
    expect(await scene.problemsOf({ ...NEEDED, KAFKA_BOOTSTRAP_SERVERS: servers })).toEqual([
      `KAFKA_BOOTSTRAP_SERVERS takes host:port, several separated by commas, not "${servers}"`,
    ])
  })

  test('needs an audience or a client', async () => {
    const { JWT_AUDIENCE: _, ...others } = NEEDED
    const { auth } = await scene.parse({ ...others, JWT_CLIENTS: 'web' })
    expect(auth.issuers).toMatchObject([{ audiences: [], clients: ['web'] }])
    expect(await scene.problemsOf(others)).toEqual([expect.stringContaining('JWT_AUDIENCE is not set: ')])
  })

  test('names the variable of a key that a control topic needs', async () => {
    const secret = { SECRET_KEY: Buffer.alloc(32).toString('base64url') }
    const controlled = { ...NEEDED, KAFKA_CONTROL_TOPIC: 'control' }
    await expect(scene.parse({ ...controlled, ...secret })).resolves.toBeDefined()
    expect(await scene.problemsOf(controlled)).toEqual([
      expect.stringMatching(/^SECRET_KEY is not set: a control topic needs it/),
    ])
    expect(await scene.problemsOf({ ...controlled, ...secret, KAFKA_TOPIC: 'control' })).toEqual([
      expect.stringMatching(/^KAFKA_CONTROL_TOPIC is the topic of a stream, too/),
    ])
  })

  test('names a claim that cannot be read by its variable', async () => {
    const brackets = 'is no path of a claim: a name with dots stands in brackets and double quotes'
    expect(
      await scene.problemsOf({
        ...NEEDED,
        JWT_SCOPE_CLAIM: 'a[b]',
        JWT_REQUIRE: 'b[c=1',
        JWT_TYP: 'dpop+jwt',
      }),
    ).toEqual([
      'JWT_TYP names tokens that are never accepted here',
      `JWT_SCOPE_CLAIM ${brackets}`,
      `JWT_REQUIRE ${brackets}`,
    ])
  })

  test('names everything that is wrong at once, a line each', async () => {
    expect(
      await scene.problemsOf({
        KAFKA_TOPC: 'events',
        PORT: 'abc',
        HEARTBEAT_SECONDS: '-1',
        JWT_KEYS: '/nope',
      }),
    ).toEqual([
      'KAFKA_TOPC is not a setting; did you mean KAFKA_TOPIC?',
      'PORT takes an integer from 0 to 65535, not "abc"',
      'KAFKA_BOOTSTRAP_SERVERS is not set: host:port, several separated by commas',
      'HEARTBEAT_SECONDS takes a number from 0.1 to 300, not -1',
      "JWT_ISSUER is not set: `iss` that a token must carry: the identity provider's address, character by character",
      'JWT_AUDIENCE is not set: Audiences: the `aud` of a token must name at least one of them. ' +
        'Where tokens carry none, set JWT_CLIENTS (clients) instead',
      'TLS_CERT_FILE is not set: a path in PEM, or TLS=off behind a proxy that ends TLS',
      'TLS_KEY_FILE is not set: a path in PEM, or TLS=off behind a proxy that ends TLS',
      'JWT_KEYS: cannot read /nope: there is no such file',
    ])
  })

  test('a cookie leaves no origin unless some are listed, and is refused with *', async () => {
    const withCookie = { ...NEEDED, JWT_COOKIE: '__Host-token' }
    expect((await scene.parse(withCookie)).sse.corsOrigins).toEqual([])
    const [problem, ...others] = await scene.problemsOf({ ...withCookie, CORS_ORIGINS: '*' })
    expect(problem).toMatch(/^CORS_ORIGINS is \* although a cookie holds the token/)
    expect(others).toEqual([])
  })

  test.each([
    ['PORT', '65535', '65536'],
    ['CHALLENGE_SECONDS', '0.1', '0.09'],
    ['DRAIN_SECONDS', '600', '600.5'],
    ['LINGER_SECONDS', '600', '600.5'],
    ['CONNECTIONS_MAX', '1', '0'],
    ['CONNECTIONS_PER_ADDRESS_MAX', '1000000', '1000001'],
    ['ADMIN_HOSTS', 'a.test, b', 'a.test:9464'],
    ['ADMIN_HOSTS', 'none', '*'],
    ['LINGER_SECONDS', '0', '-1'],
    ['STREAMS_MAX', '1', '0'],
    ['KAFKA_RETAINED_BYTES_MAX', '1048576', '1048575'],
    ['JWT_JWKS_TIMEOUT_MS', '60000', '60001'],
    ['JWT_CLOCK_TOLERANCE_SECONDS', '300', '300.1'],
    ['JWT_AUDIENCE', 'a, b', 'none'],
    ['JWT_CLIENTS', 'a,b', 'none'],
    ['JWT_TYP', 'at+jwt', 'at jwt'],
    ['JWT_TYP', 'none', 'a/b/c'],
    ['JWT_SCOPE_CLAIM', 'scp,realm_access.roles', 'none'],
    ['JWT_REQUIRE', 'token_use=access, ver = 2', 'token_use'],
    ['JWT_REQUIRE', 'none', 'a=1,a=2'],
    ['JWT_REQUIRE', 'https://a.test/x=a=b', '=access'],
    ['JWT_LIFETIME_MAX_SECONDS', '31536000', '0'],
    ['JWT_SCOPE', 'none', 'a b'],
    ['TLS', 'off', 'no'],
    ['JWT_QUERY_TOKEN', 'off', 'false'],
    ['CORS_HEADERS', 'X-Tenant, x-request-id', 'x tenant'],
    ['CORS_HEADERS', 'none', '*'],
    ['KAFKA_TOPIC', 'a.b_c-D', '../..'],
    ['KAFKA_BOOTSTRAP_SERVERS', 'PLAINTEXT://[::1]:9093,kafka:65535', 'kafka:9092;other:9092'],
    ['KAFKA_BOOTSTRAP_SERVERS', 'kafka:9092', 'kafka'],
    ['KAFKA_BOOTSTRAP_SERVERS', 'kafka:9092', 'kafka:65536'],
    ['JWT_COOKIE', '__Host-token', '__Host-a b'],
    ['JWT_COOKIE', '__Host-token', 'token'],
    ['JWT_COOKIE', '__Host-token', '__host-token'],
    ['TICKETS', 'on', 'true'],
    ['RESOURCE_URL', 'https://a.test', 'http://a.test'],
    ['RESOURCE_URL', 'https://a.test:8443/live/v1/', 'https://a.test/live?a=1'],
    ['RESOURCE_URL', 'https://a.test/', 'https://a.test/#a'],
    ['RESOURCE_URL', 'https://a.test', 'https://user@a.test'],
    ['RESOURCE_URL', 'https://a.test/~a.b_c-d', 'https://a.test/:a'],
    ['RESOURCE_URL', 'https://a.test', 'https://a.test/a"b'],
    ['LOG_LEVEL', 'silent', 'verbose'],
    ['WORKERS', '1', '0'],
    ['WORKERS', '32', '33'],
    ['WORKERS', '2', '64'],
    ['WORKERS', '2', '-1'],
    ['WORKERS', '2', 'two'],
    ['WORKERS', '2', '1.5'],
  ])('%s takes %s and not %s', async (name, good, bad) => {
    await expect(scene.parse({ ...NEEDED, [name]: good })).resolves.toBeDefined()
    const problems = await scene.problemsOf({ ...NEEDED, [name]: bad })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(new RegExp(`^${name} takes .*, not `))
  })

  test('one port may be that of both at different addresses, or chosen by the system', async () => {
    const apart = { PORT: '8443', ADMIN_PORT: '8443', HOST: '192.0.2.1', ADMIN_HOST: '127.0.0.1' }
    expect(await scene.parse({ ...NEEDED, ...apart })).toMatchObject({ port: 8443, adminPort: 8443 })
    const chosen = { PORT: '0', ADMIN_PORT: '0' }
    expect(await scene.parse({ ...NEEDED, ...chosen })).toMatchObject({ port: 0, adminPort: 0 })
  })

  test('TRUST_PROXY takes addresses and networks, or a number of proxies', async () => {
    const { trustProxy } = await scene.parse({ ...NEEDED, TRUST_PROXY: '10.0.0.0/8, ::1' })
    expect(trustProxy).toEqual(['10.0.0.0/8', '::1'])
    expect((await scene.parse({ ...NEEDED, TRUST_PROXY: '20' })).trustProxy).toEqual(['20'])
    expect((await scene.parse({ ...NEEDED, TRUST_PROXY: 'none' })).trustProxy).toEqual([])
    expect(await scene.problemsOf({ ...NEEDED, TRUST_PROXY: 'proxy.example.com, 10.0.0.0/0,2' })).toEqual([
      'TRUST_PROXY has "proxy.example.com", which is neither an address nor a network such as 10.0.0.0/8',
      'TRUST_PROXY has "10.0.0.0/0", which is every address there is, so that any client could choose its own',
      'TRUST_PROXY has "2", which stands beside others: give a number of proxies alone, or their addresses',
    ])
  })

  test.each([
    'KAFKA_CONTROLS',
    'CONTROL_TOPIC',
    'JWT_SECRETS',
    'KAFKA_CONFIG',
    'KAFKA_CONFIG_FILE',
    'TLS_CERT_FILE_FILE',
    'STREAMS_MAXIMUM',
  ])('the unknown name %s is an error', async (name) => {
    expect(await scene.problemsOf({ ...NEEDED, [name]: 'x' })).toEqual([
      expect.stringMatching(new RegExp(`^${name} is not a setting`)),
    ])
  })

  test.each([
    ['CONNECTION_MAX', 'CONNECTIONS_MAX'],
    ['CONNECTION_PER_ADDRESS_MAX', 'CONNECTIONS_PER_ADDRESS_MAX'],
    ['WORKER', 'WORKERS'],
    ['CHALENGE_SECONDS', 'CHALLENGE_SECONDS'],
    ['STREAM_MAX', 'STREAMS_MAX'],
    ['LINGERSECONDS', 'LINGER_SECONDS'],
    ['DRIAN_SECONDS', 'DRAIN_SECONDS'],
    ['JTW_ISSUER', 'JWT_ISSUER'],
    ['KAKFA_TOPIC', 'KAFKA_TOPIC'],
  ])('%s is an error, because it is one keystroke from %s', async (name, meant) => {
    expect(await scene.problemsOf({ ...NEEDED, [name]: '9' })).toEqual([
      `${name} is not a setting; did you mean ${meant}?`,
    ])
  })

  test('names of other programs are left alone, though one keystroke makes one of ours of them', async () => {
    const foreign = {
      HOSTS: 'a',
      HOST_: 'a',
      PORTS: '1',
      APORT: '1',
      LOGLEVEL: 'info',
      LOG_LEVELS: 'x',
      TLS1: 'on',
    }
    const others = {
      CONFIG_FILES: '/a',
      CONFIGFILE: '/a',
      worker: '2',
      WORKER_SERVICE_HOST: '10.0.0.1',
      LOG_LVL: 'x',
    }
    const apart = { WORKING: '2', BRAIN_SECONDS_: '4', TAIL_SECONDS: '4', MAX: '1', STREAM: 'a' }
    await expect(scene.parse({ ...NEEDED, ...foreign, ...others, ...apart })).resolves.toBeDefined()
  })

  test('what Kubernetes, the tutorial and Kafka’s own tools set is left alone', async () => {
    const foreign = {
      KAFKA_SERVICE_HOST: '10.0.0.1',
      KAFKA_SERVICE_PORT: '9092',
      KAFKA_SERVICE_PORT_CLIENT: '9092',
      KAFKA_PORT: 'tcp://10.0.0.1:9092',
      KAFKA_PORT_9092_TCP: 'tcp://10.0.0.1:9092',
      KAFKA_PORT_9092_TCP_ADDR: '10.0.0.1',
      // A Service called `admin`: the name is one of ours, its value never is.
      ADMIN_PORT: 'tcp://10.0.0.2:80',
      JWT_TOKEN: 'e30.e30.e30',
      KAFKA_HOME: '/opt/kafka',
      KAFKA_HEAP_OPTS: '-Xmx1g',
      HOSTNAME: 'pod-1',
    }
    expect(await scene.parse({ ...NEEDED, ...foreign })).toMatchObject({ adminPort: 9464 })
    expect(await scene.problemsOf({ ...NEEDED, KAFKA_PORT: '9092' })).toHaveLength(1)
  })

  test('what Heroku’s add-on and Docker’s links set is left alone', async () => {
    const heroku = {
      KAFKA_URL: 'kafka+ssl://ec2-1.test:9096,kafka+ssl://ec2-2.test:9096',
      KAFKA_PLAINTEXT_URL: 'kafka://ec2-1.test:9092',
      KAFKA_TRUSTED_CERT: '-----BEGIN CERTIFICATE-----',
      KAFKA_CLIENT_CERT: '-----BEGIN CERTIFICATE-----',
      KAFKA_CLIENT_CERT_KEY: '-----BEGIN RSA PRIVATE KEY-----',
      KAFKA_PREFIX: 'columbia-1.',
    }
    const links = {
      KAFKA_NAME: '/web/kafka',
      KAFKA_PORT: 'tcp://172.17.0.5:9092',
      KAFKA_PORT_9092_TCP: 'tcp://172.17.0.5:9092',
      KAFKA_PORT_9092_TCP_ADDR: '172.17.0.5',
      KAFKA_PORT_9092_TCP_PORT: '9092',
      KAFKA_PORT_9092_TCP_PROTO: 'tcp',
      KAFKA_ENV_KAFKA_HEAP_OPTS: '-Xmx1g',
      ADMIN_NAME: '/web/admin',
    }
    await expect(scene.parse({ ...NEEDED, ...heroku, ...links })).resolves.toBeDefined()
    expect(await scene.problemsOf({ ...NEEDED, KAFKA_NAME: 'kafka' })).toHaveLength(1)
  })

  test.each([
    ['KAFKA_BROKERS', 'KAFKA_BOOTSTRAP_SERVERS'],
    ['KAFKA_BROKER_LIST', 'KAFKA_BOOTSTRAP_SERVERS'],
    ['BOOTSTRAP_SERVERS', 'KAFKA_BOOTSTRAP_SERVERS'],
    ['KAFKA_URL', 'KAFKA_BOOTSTRAP_SERVERS'],
    ['OIDC_ISSUER', 'JWT_ISSUER'],
    ['JWT_AUD', 'JWT_AUDIENCE'],
  ])('%s in place of %s is one line', async (name, ours) => {
    const { [ours as keyof typeof NEEDED]: value, ...others } = NEEDED
    expect(await scene.problemsOf({ ...others, [name]: value })).toEqual([
      `${name} is not a setting; did you mean ${ours}?`,
    ])
  })

  test.each([
    ['JWKS_URI', 'JWT_KEYS'],
    ['KAFKA_SASL_PASSWORD', 'KAFKA_CONFIG_SASL_PASSWORD'],
    ['KAFKA_SECURITY_PROTOCOL', 'KAFKA_CONFIG_SECURITY_PROTOCOL'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['TLS_KEY', 'TLS_KEY_FILE'],
  ])('%s, as other programs call %s, is an error', async (name, ours) => {
    expect(await scene.problemsOf({ ...NEEDED, [name]: 'x' })).toEqual([
      `${name} is not a setting; did you mean ${ours}?`,
    ])
  })

  test('a name of other programs beside ours is left alone', async () => {
    const others = {
      OIDC_ISSUER: 'https://b.test',
      JWKS_URI: 'https://b.test/keys',
      KAFKA_URL: 'kafka://b:1',
    }
    const JWT_KEYS = 'https://a.test/keys'
    await expect(scene.parse({ ...NEEDED, JWT_KEYS, ...others })).resolves.toBeDefined()
    expect(await scene.problemsOf({ ...NEEDED, ...others })).toEqual([
      'JWKS_URI is not a setting; did you mean JWT_KEYS?',
    ])
  })

  test('an empty variable counts as not set', async () => {
    expect(await scene.parse({ ...NEEDED, PORT: '', KAFKA_TOPC: '' })).toMatchObject({
      port: 7143,
    })
  })

  test('KAFKA_CONFIG_ is any librdkafka property, those that end in .file too', async () => {
    const { kafka } = await scene.parse({
      ...NEEDED,
      KAFKA_CONFIG_SECURITY_PROTOCOL: 'sasl_ssl',
      KAFKA_CONFIG_SASL_MECHANISMS: 'PLAIN',
      KAFKA_CONFIG_SASL_USERNAME: 'alice',
      KAFKA_CONFIG_SASL_PASSWORD_FILE: scene.file('password', 'hunter2\n'),
      KAFKA_CONFIG_SASL_OAUTHBEARER_ASSERTION_FILE: '/run/assertion',
    })
    expect(kafka.config).toEqual({
      'security.protocol': 'sasl_ssl',
      'sasl.mechanisms': 'PLAIN',
      'sasl.username': 'alice',
      'sasl.password': 'hunter2',
      'sasl.oauthbearer.assertion.file': '/run/assertion',
    })
  })

  test('NAME_FILE gives a value by its file; both at once are an error, a missing or huge file another', async () => {
    const PORT_FILE = scene.file('port', '8443\r\n')
    expect(await scene.parse({ ...NEEDED, PORT_FILE })).toMatchObject({ port: 8443 })
    expect(await scene.problemsOf({ ...NEEDED, PORT: '1', PORT_FILE })).toEqual([
      'PORT and PORT_FILE set the same: keep one of them',
    ])
    const huge = scene.file('huge', 'x'.repeat(1_048_577))
    expect(await scene.problemsOf({ ...NEEDED, PORT_FILE: `${scene.folder}/nope`, HOST_FILE: huge })).toEqual(
      [
        `PORT_FILE: cannot read ${scene.folder}/nope: there is no such file`,
        `HOST_FILE: ${huge} is larger than 1048576 bytes`,
      ],
    )
  })

  test.each(['JWT_KEYS', 'TLS_CERT_FILE', 'TLS_KEY_FILE', 'JWT_ISSUER_FILE', 'CONFIG_FILE'])(
    '%s that is a pipe without a writer, or a device without an end, is an error and blocks nothing',
    async (name) => {
      const pipe = join(scene.folder, `pipe-${name}.json`)
      execFileSync('mkfifo', [pipe])
      const endless = join(scene.folder, `endless-${name}.json`)
      symlinkSync('/dev/zero', endless)
      const { JWT_ISSUER: _, ...needed } = NEEDED
      const certificate = {
        TLS: 'on',
        TLS_CERT_FILE: join(scene.folder, 'server.crt'),
        TLS_KEY_FILE: join(scene.folder, 'server.key'),
      }
      const settings = {
        ...(name === 'JWT_ISSUER_FILE' ? needed : NEEDED),
        ...(name.startsWith('TLS') ? certificate : {}),
      }
      for (const path of [pipe, endless])
        expect(await scene.problemsOf({ ...settings, [name]: path })).toContain(
          `${name}: cannot read ${path}: it is not a file, but a device, a pipe or a socket`,
        )
    },
  )

  test('no message quotes a credential', async () => {
    const secret = 'c0rrect-horse'
    const problems = await scene.problemsOf({
      KAFKA_CONFIG_SASL_PASSWORD: secret,
      KAFKA_CONFIG_SASL_PASSWORD_FILE: `${scene.folder}/nope`,
      JWT_KEYS: `${secret}\n${secret}`,
    })
    expect(problems.length).toBeGreaterThan(2)
    expect(problems.join('\n')).not.toContain(secret)
  })
})

describe('the demo’s environment', () => {
  const presets = () => ({
    folder: scene.folder,
    localHosts: LOCAL_HOSTS,
    fixed: new Map([
      ['auth.issuer', 'https://auth.example.com'],
      ['auth.audience', 'https://api.example.com'],
      ['auth.keys', 'private.pem'],
    ]),
    defaults: new Map([
      ['host', 'localhost'],
      ['kafka.bootstrapServers', '127.0.0.1:0'],
    ]),
    onlyStream: { ...ONLY_STREAM, select: ['key' as const] },
  })

  test('brings its own keys and gives way in the rest', async () => {
    const options = await parseDemoEnvironment({ PORT: '0', TLS: 'off' }, presets())
    expect(options).toMatchObject({
      host: 'localhost',
      port: 0,
      kafka: { bootstrapServers: '127.0.0.1:0' },
      auth: { issuers: [{ issuer: 'https://auth.example.com', keys: 'private.pem' }] },
      demo: { folder: scene.folder, tokens: true },
    })
  })

  test('leaves alone what other programs call settings that it has by itself', async () => {
    const others = {
      OIDC_ISSUER: 'https://b.test',
      JWKS_URI: 'https://b.test/keys',
      KAFKA_URL: 'kafka://b:1',
    }
    await expect(parseDemoEnvironment(others, presets())).resolves.toBeDefined()
  })

  test('sets options of the stream that it has if no file lists one', async () => {
    const { streams } = await parseDemoEnvironment({ KAFKA_TOPIC: 'orders' }, presets())
    expect(streams).toMatchObject([{ path: '/events', topic: 'orders', select: ['key'], ids: 'plain' }])
    const file = scene.file('streams.json', JSON.stringify({ streams: [{ path: '/a', topic: 'a' }] }))
    const listed = await parseDemoEnvironment({ CONFIG_FILE: file }, presets())
    expect(listed.streams[0]).not.toHaveProperty('select')
  })

  test('refuses other keys', async () => {
    await expect(parseDemoEnvironment({ JWT_KEYS: 'https://id.acme.test/jwks' }, presets())).rejects.toThrow(
      'JWT_KEYS is for kafka-sse serve: the demo trusts its own keys alone',
    )
  })

  test.each([
    [{}, true],
    [{ HOST: '127.0.0.1' }, true],
    [{ HOST: '0.0.0.0' }, false],
    [{ HOST: '0.0.0.0', DEMO_TOKENS: 'on' }, true],
    [{ DEMO_TOKENS: 'off' }, false],
  ])('hands out tokens with %j: %s', async (env, tokens) => {
    expect((await parseDemoEnvironment(env, presets())).demo).toEqual({
      folder: scene.folder,
      tokens,
      envelopes: {},
    })
  })

  test('DEMO_TOKENS is no setting of a server', async () => {
    expect(await scene.problemsOf({ ...NEEDED, DEMO_TOKENS: 'on' })).toEqual([
      'DEMO_TOKENS is for kafka-sse demo alone',
    ])
  })
})
