// What the commands say of how librdkafka was built on this machine, whichever way that is: .ci/run has one with every feature and
// one with none. Needs `npm run build`.

import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { BUILT_FEATURES, missingLine } from '../../plugins/kafka/librdkafka-build.ts'
import { report } from '../../src/commands/features.ts'
import { keepPrintedBy } from '../printed.ts'

const CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url))
const NO_KAFKA = { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' }
const SERVE = {
  ...NO_KAFKA,
  JWT_ISSUER: 'https://id.acme.test',
  JWT_AUDIENCE: 'https://api.acme.test',
  JWT_KEYS: 'public.pem',
  TLS: 'off',
  HOST: '127.0.0.1',
  PORT: '0',
  ADMIN_PORT: '0',
}

let folder: string
const running = new Set<ChildProcess>()

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'built-'))
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(join(folder, 'public.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
})
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(async () => {
  for (const child of running) {
    child.kill('SIGKILL')
    await once(child, 'close')
  }
})

function start(args: string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
  })
  running.add(child)
  keepPrintedBy(child)
  const run = { child, stdout: '', stderr: '', ended: once(child, 'close') }
  void run.ended.then(() => running.delete(child))
  child.stdout.setEncoding('utf8').on('data', (text) => {
    run.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    run.stderr += text
  })
  return run
}

describe('How librdkafka was built', () => {
  it('is said by features, with which the installation ends', async () => {
    const run = start(['features'], {})
    expect(await run.ended).toEqual([0, null])
    expect(run.stdout).toBe(report(BUILT_FEATURES))
  })

  it.each(['1', '2'])(
    'is logged once at the start where something is missing, with WORKERS=%s',
    async (workers) => {
      const run = start(['serve'], { ...SERVE, WORKERS: workers })
      await vi.waitUntil(() => run.stdout.includes('"msg":"listening'), { timeout: 20_000 })
      run.child.kill('SIGTERM')
      expect(await run.ended).toEqual([0, null])
      const lines = run.stdout.split('\n').filter(Boolean)
      const told = lines.map((line) => JSON.parse(line)).filter(({ msg }) => /built without/.test(msg))
      const expected = missingLine(BUILT_FEATURES)
      expect(told.map(({ level, msg }) => [level, msg])).toEqual(expected === null ? [] : [[40, expected]])
    },
  )
})

/** Only a build that lacks something can be asked for it in vain. */
describe.each([
  ['ssl', 'SECURITY_PROTOCOL', 'SASL_SSL', 'security.protocol = SASL_SSL needs TLS'],
  ['sasl_gssapi', 'SASL_MECHANISM', 'GSSAPI', 'sasl.mechanism = GSSAPI needs SASL GSSAPI'],
  ['sasl_scram', 'SASL_MECHANISM', 'SCRAM-SHA-256', 'sasl.mechanism = SCRAM-SHA-256 needs SASL SCRAM'],
  ['zstd', 'COMPRESSION_TYPE', 'zstd', 'compression.type = zstd needs zstd'],
])('A build of librdkafka without %s', (feature, variable, value, words) => {
  const env = { [`KAFKA_CONFIG_${variable}`]: value }

  it.skipIf(BUILT_FEATURES.includes(feature)).each([
    ['serve', [], { ...SERVE, WORKERS: '1' }],
    ['serve', [], { ...SERVE, WORKERS: '2' }],
    ['demo', [], { ...NO_KAFKA, PORT: '0', ADMIN_PORT: '0' }],
    ['produce', ['value'], NO_KAFKA],
  ])(`is named by %s when ${value} is configured, and ends it`, async (command, args, settings) => {
    const run = start([command, ...args], { ...settings, ...env })
    expect(await run.ended).toEqual([1, null])
    const told = run.stderr.split('\n').filter(Boolean)
    expect(told).toHaveLength(1)
    expect(told[0]).toContain(`Kafka property ${words}: librdkafka was built without it`)
    expect(told[0]).toMatch(/apt-get install .* && npm rebuild node-rdkafka/)
  })
})
