// `kafka-sse convert` on the configuration of the tutorial, which is then lived through with what results, on the
// embedded broker. Needs `npm run build`.

import { spawnSync } from 'node:child_process'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startMockBroker } from '../../plugins/kafka/client/mock-broker.ts'
import { RecordProducer } from '../../plugins/kafka/client/producer.ts'
import { ensureDemoCredentials } from '../../src/demo/credentials.ts'
import { Curl } from '../kafka/curl.ts'
import { CLI, CommandScene } from '../support/command-process.ts'
import { freePort } from '../support/free-port.ts'
import { keepSecret } from '../support/printed.ts'
import { hasPrograms } from '../support/programs.ts'
import { tutorialZilla } from '../support/zilla-configurations.ts'

const HELLO = '{ "id": 1, "name": "Hello World!"}'
const CHALLENGE =
  'event:challenge\ndata:{"method":"POST","headers":{"content-type":"application/x-challenge-response"}}\n\n'
/** The tutorial's command, with a shorter life of the token. */
const TOKEN =
  'token --alg RS256 --kid example --iss https://auth.example.com --aud https://api.example.com --sub example ' +
  '--exp=+12s --no-iat --payload scope=proxy:stream --secret @private.pem'

function sceneWith(files: Readonly<Record<string, string>>): CommandScene {
  const scene = CommandScene.open(files)
  onTestFinished(() => scene.close())
  return scene
}

describe.skipIf(!hasPrograms('the tutorial with a converted configuration', 'curl', 'openssl'))(
  'the tutorial, served by what its own configuration was converted to',
  () => {
    it('is lived through: the record, the challenge, the end at exp, and resuming at a server that was stopped', async () => {
      // The client has the private key, which no server may have in its folder.
      const client = sceneWith({})
      const { folder } = client
      await ensureDemoCredentials({ folder, names: [] })
      const key = createPrivateKey(keepSecret(readFileSync(join(folder, 'private.pem'), 'utf8')))
      const jwk = { ...createPublicKey(key).export({ format: 'jwk' }), alg: 'RS256', kid: 'example' }

      const zilla = sceneWith({ 'zilla.yaml': tutorialZilla(jwk) })
      mkdirSync(join(zilla.folder, 'tls'))
      const password = { KEYSTORE_PASSWORD: 'generated' }
      const store = `${zilla.folder}/tls/localhost.p12 -passout env:KEYSTORE_PASSWORD`
      run(`openssl pkcs12 -export -in server.crt -inkey server.key -out ${store}`, folder, password)
      const { code, stdout, stderr } = await zilla.run(['convert', 'zilla.yaml'])
      expect(code).toBe(0)
      zilla.file('streams.json', stdout)
      // Its own note says how the certificate becomes PEM, and is run as it stands.
      const [, commands = ''] = /TLS_KEY_FILE=server\.key, made by: (.*)$/m.exec(stderr) ?? []
      run(commands, zilla.folder, password)

      const broker = await startMockBroker(['events'])
      onTestFinished(() => broker.close())
      const produce = await producerOf(broker.address)
      const port = await freePort()
      const env = {
        CONFIG_FILE: 'streams.json',
        TLS_CERT_FILE: 'server.crt',
        TLS_KEY_FILE: 'server.key',
        KAFKA_BOOTSTRAP_SERVERS: broker.address,
        PORT: `${port}`,
        ADMIN_PORT: '0',
      }
      const server = zilla.start(['serve'], env)
      await server.listening()
      await produce('1', HELLO)

      const token = tokenIn(folder)
      const url = `https://localhost:${port}/events`
      const curl = Curl.stream(folder, url, token, '--http2')
      await curl.has(`data:${HELLO}\n`)
      await curl.has(CHALLENGE)
      expect((await curl.ended).code).toBe(0)
      expect(curl.body).toContain(':end expired\n\n')
      expect(curl.told).toContain('Connection #0 to host localhost left intact')

      const [, id = ''] = /^id:(\S+)$/m.exec(curl.body) ?? []
      expect(await server.end('SIGTERM')).toBe(0)
      await produce('2', 'missed')
      const restarted = zilla.start(['serve'], env)
      await restarted.listening()
      const next = tokenIn(folder)
      const resumed = new Curl(folder, [
        ...['-sSN', '--cacert', 'test-ca.crt', '-H', `last-event-id: ${id}`, `${url}?access_token=${next}`],
      ])
      onTestFinished(() => resumed.kill())
      await resumed.has('data:missed\n')
      expect(resumed.body).not.toMatch(/Hello|:gap/)
    }, 60_000)
  },
)

/** By the tutorial's command. */
function tokenIn(cwd: string): string {
  return keepSecret(
    spawnSync(process.execPath, [CLI, ...TOKEN.split(' ')], { cwd, encoding: 'utf8' }).stdout.trim(),
  )
}

/** Writes records with this key and value to the topic. */
async function producerOf(bootstrapServers: string) {
  const producer = new RecordProducer({ bootstrapServers })
  await producer.connect()
  onTestFinished(() => producer.close())
  return async (key: string, value: string): Promise<void> => {
    const record = { topic: 'events', partition: null, headers: [] }
    const { delivered } = await producer.produce({
      ...record,
      key: Buffer.from(key),
      value: Buffer.from(value),
    })
    await delivered
  }
}

/** Runs a command in a shell; it has to succeed. */
function run(command: string, cwd: string, env: Readonly<Record<string, string>>): void {
  const options = { cwd, env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' } as const
  const { status, stderr } = spawnSync('sh', ['-c', command], options)
  expect(status, `${command}: ${stderr}`).toBe(0)
}
