// `kafka-sse produce` where Kafka does not take a record: it says so soon, and why.

import { PassThrough } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { EXIT_DONE, EXIT_FAILED } from '../../src/app/exit.ts'
import { produce } from '../../src/commands/produce.ts'
import { CommandScene } from '../support/command-process.ts'
import { forThisTest } from '../support/scene.ts'
import { bootstrapServers } from './kafka.ts'

const SOON = { timeout: 20_000, interval: 20 }
const TEST_MS = 60_000

/** The command in this process: what it is given, and what it has told. */
class Producing {
  readonly stdin = new PassThrough()
  readonly stdout = new PassThrough({ encoding: 'utf8' })
  readonly stderr = new PassThrough({ encoding: 'utf8' })
  private readonly texts = new Map([
    [this.stdout, ''],
    [this.stderr, ''],
  ])
  readonly code: Promise<number>

  constructor(servers: string, args: readonly string[], env: Record<string, string> = {}) {
    for (const stream of [this.stdout, this.stderr])
      stream.on('data', (text) => this.texts.set(stream, `${this.texts.get(stream)}${text}`))
    const { stdin, stdout, stderr } = this
    const terminal = { stdin, stdout, stderr, folder: '/' }
    this.code = produce(['--bootstrap-servers', servers, ...args], env, terminal)
  }

  get printed(): string {
    return this.texts.get(this.stdout) ?? ''
  }

  get told(): string {
    return this.texts.get(this.stderr) ?? ''
  }
}

describe('kafka-sse produce on a broker that hangs', () => {
  const told = (servers: string) =>
    `kafka-sse: Kafka at ${servers} has taken no record for 6 s; still trying\n`

  /** The command, once it has connected and the broker hangs. */
  async function hanging(env: Record<string, string> = {}) {
    const scene = await forThisTest(Promise.resolve(CommandScene.open()))
    const broker = scene.start(['broker', '--topic', 'mine'])
    const servers = await vi.waitUntil(() => /127\.0\.0\.1:\d+/.exec(broker.stdout)?.[0] ?? null, SOON)
    expect(await new Producing(servers, ['--topic', 'mine', 'first']).code).toBe(EXIT_DONE)
    const producing = new Producing(servers, ['--topic', 'mine'], env)
    producing.stdin.write('second\n')
    // It takes records once it has connected.
    await vi.waitUntil(() => producing.stdin.readableLength === 0, SOON)
    broker.child.kill('SIGSTOP')
    producing.stdin.end('third\n')
    return { broker, producing, servers }
  }

  it(
    'tells once that nothing is taken, and goes on',
    async () => {
      const { broker, producing, servers } = await hanging()
      await vi.waitUntil(() => producing.told !== '', SOON)
      expect(producing.told).toBe(told(servers))
      broker.child.kill('SIGCONT')
      expect(await producing.code).toBe(EXIT_DONE)
      expect(producing.printed).toBe('2 records in mine\n')
      expect(producing.told).toBe(told(servers))
    },
    TEST_MS,
  )

  it(
    'ends with the topic of a record that was not taken in time',
    async () => {
      const { producing, servers } = await hanging({ KAFKA_CONFIG_DELIVERY_TIMEOUT_MS: '8000' })
      expect(await producing.code).toBe(EXIT_FAILED)
      expect(producing.told).toBe(
        `${told(servers)}kafka-sse: Kafka did not take a record of topic mine in time\n`,
      )
    },
    TEST_MS,
  )
})

describe.skipIf(bootstrapServers === null)('kafka-sse produce on a real Kafka', () => {
  it(
    'names a topic that there is not, within seconds',
    async () => {
      const producing = new Producing(bootstrapServers ?? '', ['--topic', 'no-such-topic', 'one'])
      expect(await producing.code).toBe(EXIT_FAILED)
      expect(producing.told).toBe(`kafka-sse: there is no topic no-such-topic at ${bootstrapServers}\n`)
    },
    TEST_MS,
  )
})
