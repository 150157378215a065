// What the commands say of how librdkafka was built on this machine. .ci/run has one build with every feature, and one
// with none. Needs `npm run build`.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BUILT_FEATURES, builtLine, missingLine } from '../../plugins/kafka/client/librdkafka-build.ts'
import { report } from '../../src/commands/features.ts'
import { CommandScene, NO_KAFKA, SERVE_SETTINGS } from '../support/command-process.ts'
import { makeKey } from '../support/keys-and-tokens.ts'

const { publicPem } = makeKey('ES256')
let scene: CommandScene
beforeEach(() => {
  scene = CommandScene.open({ 'public.pem': publicPem })
})
afterEach(() => scene.close())

describe('How librdkafka was built', () => {
  it.each([
    ['alone', []],
    ['with arguments, which it ignores', ['--nope', 'x']],
  ])('is printed by features, the last command of the installation, %s', async (_, args) => {
    const run = scene.start(['features', ...args], {})
    expect(await run.ended).toBe(0)
    expect(run.stdout).toBe(report(BUILT_FEATURES))
  })

  it.each(['1', '2'])('is logged once at the start, with WORKERS=%s', async (workers) => {
    const run = scene.start(['serve'], { ...SERVE_SETTINGS, WORKERS: workers })
    await run.listening()
    expect(await run.end('SIGTERM')).toBe(0)
    const lines = run.stdout.split('\n').filter(Boolean)
    const told = lines.map((line) => JSON.parse(line)).filter(({ msg }) => /built with/.test(msg))
    const missing = missingLine(BUILT_FEATURES)
    const has = [30, builtLine(BUILT_FEATURES)]
    expect(told.map(({ level, msg }) => [level, msg])).toEqual(
      missing === null ? [has] : [has, [40, missing]],
    )
  })
})

const PLAIN_LOGIN = { SECURITY_PROTOCOL: 'SASL_PLAINTEXT' }
const USER = { ...PLAIN_LOGIN, SASL_USERNAME: 'user', SASL_PASSWORD: 'password' }

/** Only a build that lacks something can be asked for it in vain. */
describe.each([
  ['ssl', 'SECURITY_PROTOCOL', 'SASL_SSL', {}, 'security.protocol = SASL_SSL needs TLS'],
  ['sasl_gssapi', 'SASL_MECHANISM', 'GSSAPI', PLAIN_LOGIN, 'sasl.mechanism = GSSAPI needs SASL GSSAPI'],
  ['sasl_scram', 'SASL_MECHANISM', 'SCRAM-SHA-256', USER, 'sasl.mechanism = SCRAM-SHA-256 needs SASL SCRAM'],
  ['zstd', 'COMPRESSION_TYPE', 'zstd', {}, 'compression.type = zstd needs zstd'],
])('A build of librdkafka without %s', (feature, variable, value, others, words) => {
  const named = Object.entries({ [variable]: value, ...others })
  const env = Object.fromEntries(named.map(([name, text]) => [`KAFKA_CONFIG_${name}`, text]))

  it.skipIf(BUILT_FEATURES.includes(feature)).each([
    ['serve', [], { ...SERVE_SETTINGS, WORKERS: '1' }],
    ['serve', [], { ...SERVE_SETTINGS, WORKERS: '2' }],
    ['demo', [], { KAFKA_BOOTSTRAP_SERVERS: NO_KAFKA, PORT: '0', ADMIN_PORT: '0' }],
    ['produce', ['value'], { KAFKA_BOOTSTRAP_SERVERS: NO_KAFKA }],
  ])(`is named by %s when ${value} is configured, and ends it`, async (command, args, settings) => {
    const run = scene.start([command, ...args], { ...settings, ...env })
    expect(await run.ended).toBe(1)
    const told = run.stderr.split('\n').filter(Boolean)
    expect(told).toHaveLength(1)
    expect(told[0]).toContain(`Kafka property ${words}: librdkafka was built without it`)
    expect(told[0]).toMatch(/apt-get install .* && npm rebuild node-rdkafka/)
  })
})
