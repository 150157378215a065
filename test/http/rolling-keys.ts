// A key server over HTTPS whose keys roll, the built server that trusts it, and clients that connect at a steady rate.
// The test says what the key server answers. Needs `npm run build`.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { makeCertificates } from '../../src/demo/certificates.ts'
import { type CommandProcess, CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { jwksOf, keyAs, makeKey, mintToken, type TestKey } from '../support/keys-and-tokens.ts'
import { eventually } from '../support/time.ts'

/** Connects a second, and for how long in each state of the key server. */
const CONNECTS = Number(process.env.KEY_CONNECTS ?? 40)
export const SECONDS = Number(process.env.KEY_SECONDS ?? 1)

const KEY_SERVER = fileURLToPath(new URL('./rolling-key-server.mjs', import.meta.url))

export interface Answer {
  readonly status: number
  readonly atMs: number
  readonly retryAfter: string | undefined
}

export const keyNamed = (kid: string): TestKey => keyAs(makeKey('ES256'), { kid })

export const statusesOf = (answers: readonly Answer[]) => [...new Set(answers.map(({ status }) => status))]

export class RollingKeys {
  readonly keyPort: number
  /** What the server says of keys: thousands of lines about requests are not kept. */
  said: readonly string[] = []
  private readonly commands: CommandScene
  private readonly keyServer: ChildProcess
  private port = 0

  private constructor(commands: CommandScene, keyServer: ChildProcess, keyPort: number) {
    this.commands = commands
    this.keyServer = keyServer
    this.keyPort = keyPort
  }

  /** The key server runs and answers with no key; the server is not started yet. */
  static async open(): Promise<RollingKeys> {
    const names = ['127.0.0.1', 'keys.invalid']
    const { caPem, certificatePem, keyPem } = await makeCertificates(names, Date.now())
    const commands = CommandScene.open({ 'ca.pem': caPem })
    const keyServer = fork(KEY_SERVER, [certificatePem, keyPem])
    const [told] = await once(keyServer, 'message')
    return new RollingKeys(commands, keyServer, told.port)
  }

  async close(): Promise<void> {
    this.keyServer.kill()
    await this.commands.close()
  }

  async serve(env: Record<string, string> = {}): Promise<void> {
    const JWT_KEYS = `https://127.0.0.1:${this.keyPort}/keys?secret-words`
    const settings = { ...SERVE_SETTINGS, JWT_KEYS, NODE_EXTRA_CA_CERTS: 'ca.pem', LOG_LEVEL: 'debug' }
    const started = this.commands.start(['serve'], { ...settings, ...env })
    this.said = linesOf(started)
    ;({ port: this.port } = await started.listening())
  }

  /** From now on the key server answers so; resolves with the number of requests that came before. */
  async tell(answer: string, ...keys: TestKey[]): Promise<number> {
    this.keyServer.send({ answer, text: jwksOf(...keys) })
    const [{ hits }] = await once(this.keyServer, 'message')
    return hits
  }

  async hits(): Promise<number> {
    this.keyServer.send({ ask: 'hits' })
    const [told] = await once(this.keyServer, 'message')
    return told.hits
  }

  /** Opens a stream, and leaves once its status is there. */
  connect(token: string, agent: Agent | false = false): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}` }
      const to = { host: '127.0.0.1', port: this.port, path: '/events', agent, headers }
      const sent = request(to, (response) => {
        const { statusCode: status = 0, headers } = response
        resolve({ status, atMs: performance.now(), retryAfter: headers['retry-after'] })
        // A stream does not end by itself, and a refusal's connection may be used again.
        if (status === 200) response.destroy()
        else response.resume()
      })
      sent.on('error', reject)
      sent.end()
    })
  }

  /** As many connects as there are in this time, each with a token of its own. */
  async load(key: TestKey, seconds = SECONDS): Promise<Answer[]> {
    const answers: Promise<Answer>[] = []
    const began = performance.now()
    while (answers.length < CONNECTS * seconds) {
      const due = Math.min(CONNECTS * seconds, ((performance.now() - began) * CONNECTS) / 1000)
      while (answers.length < due)
        answers.push(this.connect(mintToken(key, { claims: { sub: `s${answers.length}` } })))
      await pause(10)
    }
    return Promise.all(answers)
  }

  /**
   * Loads both, the known key once the other has caused a fetch: tokens that waited for it would not be answered before
   * those that have to.
   */
  async loadWhileFetching(known: TestKey, unseen: TestKey) {
    const before = await this.hits()
    const waiting = this.load(unseen)
    await eventually(async () => expect(await this.hits()).toBeGreaterThan(before))
    const good = await this.load(known)
    const waited = await waiting
    const firstMs = Math.min(...waited.map(({ atMs }) => atMs))
    expect(good.filter(({ atMs }) => atMs < firstMs)).not.toHaveLength(0)
    return [good, waited] as const
  }
}

function linesOf({ child }: CommandProcess): string[] {
  const lines: string[] = []
  let rest = ''
  child.stdout?.on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts.filter((line) => /key set|secret-words/.test(line)))
  })
  return lines
}
