// `kafka-sse revoke` against a real Kafka: it ends streams of a server that reads the same control topic, and what it
// writes holds for a server that is started later.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { HeldConnection } from '../faults/held-connection.ts'
import { CLI } from '../support/command-process.ts'
import { keepSecret } from '../support/printed.ts'
import { ServerProcess } from '../support/server-process.ts'
import { bootstrapServers, Kafka } from './kafka.ts'

const SOON = { timeout: 20_000, interval: 20 }
const SECRET_KEY = keepSecret(Buffer.alloc(32, 5).toString('base64url'))
const OTHER_SECRET_KEY = keepSecret(Buffer.alloc(32, 6).toString('base64url'))

describe.skipIf(bootstrapServers === null)('kafka-sse revoke', () => {
  let kafka: Kafka
  let control: string
  let server: ServerProcess

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    const topic = await kafka.createTopic()
    control = await kafka.createTopic({ partitions: 3 })
    const settings = { KAFKA_CONTROL_TOPIC: control, SECRET_KEY }
    server = await ServerProcess.open(kafka.bootstrapServers, topic, { settings })
    await ready()
  }, 60_000)
  afterAll(async () => {
    await server.close()
    await kafka.close()
  })

  const ready = () => vi.waitFor(async () => expect(await server.metric('kafka_sse_ready')).toBe(1), SOON)

  /** What it has printed: on standard error, too, only if it has succeeded. */
  async function run(args: string[], changes: Record<string, string> = {}): Promise<string> {
    const settings = {
      KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers,
      KAFKA_CONTROL_TOPIC: control,
      SECRET_KEY,
      JWT_ISSUER: 'https://auth.example.com',
      ...changes,
    }
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [CLI, 'revoke', ...args], {
      env: { PATH: process.env.PATH, ...settings },
    })
    return stderr + stdout
  }

  const tokenOf = (subject: string, claims = {}) =>
    server.token('+1h', subject, { iat: Math.floor(Date.now() / 1000) - 10, ...claims })

  it('ends the streams that it names, refuses their tokens, and no others', { timeout: 60_000 }, async () => {
    const held = await HeldConnection.open(server)
    const [alice, bob, session] = await Promise.all([
      tokenOf('alice'),
      tokenOf('bob', { sid: 's1' }),
      tokenOf('bob', { sid: 's2' }),
    ])
    const streams = await Promise.all([alice, bob, session].map((token) => held.stream(token)))
    expect(streams.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(await run(['--sub', 'alice'])).toMatch(
      new RegExp(`^${control} has it: partition \\d, offset \\d+\n$`),
    )
    await run(['--sid', 's1', '--reason', 'device lost', '--before', new Date().toISOString()])
    await vi.waitUntil(() => streams.slice(0, 2).every(({ overAtMs }) => Number.isFinite(overAtMs)), SOON)
    expect(streams.map(({ reader }) => reader.comments.at(-1) === 'end revoked')).toEqual([true, true, false])
    const again = async () => {
      const answers = await Promise.all([alice, bob, session].map((token) => held.stream(token)))
      return answers.map(({ status }) => status)
    }
    expect(await again()).toEqual([401, 401, 200])
    await server.kill()
    await server.start()
    await ready()
    held.close()
    const other = await HeldConnection.open(server)
    const after = await Promise.all([alice, bob, session].map((token) => other.stream(token)))
    expect(after.map(({ status }) => status)).toEqual([401, 401, 200])
    other.close()
  })

  it('that has another secret writes for servers that start later, says so and fails', {
    timeout: 30_000,
  }, async () => {
    const held = await HeldConnection.open(server)
    const stream = await held.stream(await tokenOf('carol'))
    await expect(run(['--sub', 'carol'], { SECRET_KEY: OTHER_SECRET_KEY })).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringMatching(new RegExp(`^${control} has it: partition \\d, offset \\d+\n$`)),
      stderr:
        `kafka-sse: no heartbeat on ${control} in the last 60 s is signed with this SECRET_KEY, but others are there: ` +
        'servers with another SECRET_KEY pass this revocation over; written for those that start later with this one\n',
    })
    await run(['--sub', 'dave'])
    const dave = await tokenOf('dave')
    await vi.waitFor(async () => expect((await held.stream(dave)).status).toBe(401), SOON)
    expect(stream.overAtMs).toBe(Number.POSITIVE_INFINITY)
    expect((await held.stream(await tokenOf('carol'))).status).toBe(200)
    held.close()
  })

  it('is read by servers that have only the second of its secrets yet', { timeout: 30_000 }, async () => {
    const held = await HeldConnection.open(server)
    const stream = await held.stream(await tokenOf('erin'))
    await run(['--sub', 'erin'], { SECRET_KEY: `${OTHER_SECRET_KEY},${SECRET_KEY}` })
    await vi.waitUntil(() => Number.isFinite(stream.overAtMs), SOON)
    expect(stream.reader.comments.at(-1)).toBe('end revoked')
    held.close()
  })

  it('is written where no server is heard, which it says', { timeout: 30_000 }, async () => {
    const unused = await kafka.createTopic({ partitions: 2 })
    expect(await run(['--sub', 'alice'], { KAFKA_CONTROL_TOPIC: unused })).toMatch(
      new RegExp(
        `^kafka-sse: no server was heard on ${unused} in the last 60 s; written for those that start later with ` +
          `this SECRET_KEY\n${unused} has it: partition \\d, offset 0\n$`,
      ),
    )
  })

  it('is written where only forged heartbeats are heard', { timeout: 60_000 }, async () => {
    const topic = await kafka.createTopic()
    await kafka.produce(topic, { key: 'forged', value: '{"v":1,"op":"alive"}' })
    await expect(run(['--sub', 'frank'], { KAFKA_CONTROL_TOPIC: topic })).rejects.toMatchObject({ code: 1 })
    const settings = { KAFKA_CONTROL_TOPIC: topic, SECRET_KEY }
    const later = await ServerProcess.open(kafka.bootstrapServers, await kafka.createTopic(), { settings })
    onTestFinished(() => later.close())
    await vi.waitFor(async () => expect(await later.metric('kafka_sse_ready')).toBe(1), SOON)
    const held = await HeldConnection.open(later)
    const frank = later.token('+1h', 'frank', { iat: Math.floor(Date.now() / 1000) - 60 })
    expect((await held.stream(await frank)).status).toBe(401)
    held.close()
  })

  it('is told if there is no such topic, and makes none', async () => {
    await expect(run(['--sub', 'alice'], { KAFKA_CONTROL_TOPIC: 'contorl' })).rejects.toMatchObject({
      stderr:
        'kafka-sse: there is no topic contorl (KAFKA_CONTROL_TOPIC), or this principal may not Describe it\n',
    })
    await expect(run(['--sub', 'alice'], { KAFKA_CONTROL_TOPIC: 'contorl' })).rejects.toMatchObject({
      code: 1,
    })
  })
})
