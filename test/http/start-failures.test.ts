// A failure at the start ends the process with 1, says why, and leaves no port and no process behind. Needs
// `npm run build`.

import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { makeCertificates } from '../../src/demo/certificates.ts'
import { type CommandProcess, CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { freePort } from '../support/free-port.ts'
import { jwksOf, makeKey, startKeyServer } from '../support/keys-and-tokens.ts'

/** From the words to the end; the start itself takes as long as the machine is busy. */
const ENDS_WITHIN_MS = 2000
const key = makeKey('ES256')
let files: Record<string, string>
let ports: { port: number; adminPort: number }
let scene: CommandScene

beforeAll(async () => {
  const { certificatePem, keyPem } = await makeCertificates([], Date.now())
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  files = {
    'jwks.json': jwksOf(key),
    'shared.json': '{"keys":[{"kty":"oct"}]}',
    'text.pem': 'no key at all\n',
    'server.crt': certificatePem,
    'server.key': keyPem,
    'other.key': privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'late.mjs': 'await new Promise((resolve) => setTimeout(resolve, 200)); throw new Error("not today")',
    'timer.mjs': 'setInterval(() => {}, 1000); export default {}',
    'in-threads.mjs':
      'import { isMainThread } from "node:worker_threads"\n' +
      'if (!isMainThread) throw new Error("not in a thread")\n' +
      'export default { auth: { authenticate: () => null } }',
  }
  ports = { port: await freePort(), adminPort: await freePort() }
})
beforeEach(() => {
  scene = CommandScene.open(files)
})
afterEach(() => scene.close())

function start(env: Record<string, string>, sockets: readonly number[] = []): CommandProcess {
  const settings = {
    ...SERVE_SETTINGS,
    JWT_KEYS: 'jwks.json',
    PORT: String(ports.port),
    ADMIN_PORT: String(ports.adminPort),
    LOG_LEVEL: 'silent',
  }
  return scene.start(['serve'], { ...settings, ...env }, { sockets })
}

async function expectEnds(run: CommandProcess, words: RegExp): Promise<void> {
  expect(await run.ended).toBe(1)
  expect(run.stderr).toMatch(words)
  expect(run.stderr.trim().split('\n')).toHaveLength(1)
  expect(run.endedAtMs - run.saidAtMs).toBeLessThan(ENDS_WITHIN_MS)
  for (const port of Object.values(ports)) expect(await isOpen(port)).toBe(false)
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const opened = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'close').then(() => false),
  ]).catch(() => false)
  socket.destroy()
  return opened
}

const TLS = { TLS: 'on', TLS_CERT_FILE: 'server.crt' }

describe.each(['1', '2'])('a start that fails, with WORKERS=%s', (workers) => {
  it.each<[string, Record<string, string>, RegExp]>([
    [
      'a key file with no key for signatures',
      { JWT_KEYS: 'shared.json' },
      /shared\.json: no usable key; key 1: it is a shared secret/,
    ],
    ['a key file that holds no key', { JWT_KEYS: 'text.pem' }, /text\.pem: neither PEM nor JSON/],
    [
      'a TLS key of another certificate',
      { ...TLS, TLS_KEY_FILE: 'other.key' },
      /is not that of the certificate/,
    ],
    [
      'an address that is not this machine’s',
      { HOST: '192.0.2.1' },
      /^kafka-sse: HOST: 192\.0\.2\.1 is not an address of this machine\n$/,
    ],
    [
      'an admin address that is not this machine’s',
      { ADMIN_HOST: '192.0.2.1' },
      /^kafka-sse: ADMIN_HOST: 192\.0\.2\.1 is not an address of this machine\n$/,
    ],
    [
      'a Kafka property that is ours to set',
      { KAFKA_CONFIG_ISOLATION_LEVEL: 'read_uncommitted' },
      /isolation\.level/,
    ],
    ['a Kafka property that there is not', { KAFKA_CONFIG_NO_SUCH_THING: '1' }, /no\.such\.thing/],
    [
      'a failure beside what CONFIG_FILE has left running',
      { CONFIG_FILE: 'timer.mjs', JWT_KEYS: 'shared.json' },
      /shared\.json: no usable key/,
    ],
    ['a CONFIG_FILE that throws late', { CONFIG_FILE: 'late.mjs' }, /late\.mjs: not today/],
  ])('ends with 1 for %s', async (_what, env, words) => {
    await expectEnds(start({ ...env, WORKERS: workers }), words)
  })

  it('ends with 1 where the issuer lacks the slash of its discovery document', async () => {
    const provider = await startKeyServer((_request, response) => {
      response.end(JSON.stringify({ issuer: `${origin}/`, jwks_uri: `${origin}/keys` }))
    })
    const { origin } = new URL(provider.url)
    await expectEnds(
      start({ WORKERS: workers, JWT_ISSUER: origin, JWT_KEYS: '' }),
      new RegExp(
        `^kafka-sse: JWT_ISSUER is "${origin}", but the discovery document is of the issuer "${origin}/": ` +
          'set it to what the document says\n$',
      ),
    )
    await provider.close()
  })

  it.each(['PORT', 'ADMIN_PORT'])('ends with 1 where %s is in use', async (name) => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    await expectEnds(
      start({ WORKERS: workers, [name]: String(port) }),
      new RegExp(`port ${port} is in use \\(${name}\\)`),
    )
    other.close()
  })

  it('ends with 1 where what it was given to listen at is no TCP socket', async () => {
    const words = 'kafka-sse: LISTEN_FDS: one of the sockets is no TCP socket that listens'
    const descriptor = openSync('/dev/null', 'r')
    await expectEnds(start({ WORKERS: workers }, [descriptor]), new RegExp(`^${words} \\(E[A-Z]+\\)$`, 'm'))
    closeSync(descriptor)
    const local = createServer().listen(join(scene.folder, 'socket'))
    await once(local, 'listening')
    const { fd } = (local as unknown as { _handle: { fd: number } })._handle
    await expectEnds(start({ WORKERS: workers }, [fd]), new RegExp(`^${words}, but a Unix socket$`, 'm'))
    local.close()
  })
})

it('a start that fails in a worker alone ends with 1', async () => {
  await expectEnds(start({ WORKERS: '2', CONFIG_FILE: 'in-threads.mjs' }), /in-threads\.mjs: not in a thread/)
})
