// The control topic on a Kafka with TLS, passwords and ACLs: the rights that docs/control-topic.md asks for are enough,
// and each that is missing is named.

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { ISSUER, makeKey, mintToken, nowSeconds } from '../support/keys-and-tokens.ts'
import { hasKafkaFeatures } from '../support/programs.ts'
import { forThisTest } from '../support/scene.ts'
import type { TopicRight } from './acls.ts'
import { canStartKafka, Kafka } from './kafka.ts'
import { fleetToken, Replica, SECRET } from './replica.ts'
import { SecuredKafka } from './secured-kafka.ts'

const SOON = { timeout: 20_000, interval: 20 }
const CAN_RUN = canStartKafka && hasKafkaFeatures('a Kafka with TLS and passwords', 'ssl', 'sasl_plain')
const [TOPIC, CONTROL] = ['events', 'kafka-sse-control']
/** By user: what they may do with the control topic. All may read the other one, but for the operator. */
const RIGHTS = {
  replica: ['Read', 'Write'],
  operator: ['Read', 'Write'],
  reader: ['Read'],
  writer: ['Write'],
  stranger: [],
  mute: ['Read', 'Write'],
  deaf: ['Read', 'Write', 'Describe'],
} satisfies Record<string, TopicRight[]>
type User = keyof typeof RIGHTS

const NO_READ = `this principal may not Read topic ${CONTROL}: `
const NO_DESCRIBE = `control topic ${CONTROL} does not exist, or this principal may not Describe it: `

describe.skipIf(!CAN_RUN)('A control topic that ACLs protect', () => {
  let secured: SecuredKafka
  let kafka: Kafka

  beforeAll(async () => {
    secured = await SecuredKafka.start(Object.keys(RIGHTS))
    kafka = new Kafka(secured.adminServers)
    await kafka.createTopic({ name: TOPIC })
    await kafka.createTopic({ name: CONTROL, partitions: 3 })
    for (const [user, rights] of Object.entries(RIGHTS)) {
      if (user !== 'operator') await secured.allow(user, 'Read', TOPIC)
      for (const right of rights) await secured.allow(user, right, CONTROL)
    }
  })
  afterAll(async () => {
    await kafka.close()
    await secured.close()
  })

  function open(user: User): Promise<Replica> {
    const options = { bootstrapServers: secured.servers, controlTopic: CONTROL, config: secured.config(user) }
    return forThisTest(Replica.open({ kafka: options, topic: TOPIC, sse: { controlBlindSeconds: 5 } }))
  }

  function settings(user: User): Record<string, string> {
    return {
      ...secured.environment(user),
      KAFKA_CONTROL_TOPIC: CONTROL,
      SECRET_KEY: SECRET,
      JWT_ISSUER: ISSUER,
    }
  }

  async function revoke(user: User, changes: Record<string, string> = {}) {
    const scene = await forThisTest(CommandScene.open())
    return scene.run(['revoke', '--sub', 'alice'], { ...settings(user), ...changes })
  }

  /** Waits until it is not ready for one reason, and was warned of that in one line. */
  async function isRed(replica: Replica, words: string): Promise<void> {
    await vi.waitFor(
      async () => expect(await replica.reasons()).toEqual([expect.stringContaining(words)]),
      SOON,
    )
    await vi.waitFor(() => {
      expect(replica.lines(40).filter((line) => line.includes(CONTROL))).toEqual([
        expect.stringContaining(words),
      ])
    }, SOON)
    expect((await replica.get(fleetToken(60))).status).toBe(503)
  }

  it('is enough for serve and for revoke with Read and Write, by variables', async () => {
    const key = makeKey('ES256')
    const scene = await forThisTest(CommandScene.open({ 'public.pem': key.publicPem }))
    const served = {
      ...SERVE_SETTINGS,
      ...settings('replica'),
      KAFKA_TOPIC: TOPIC,
      CONTROL_BLIND_SECONDS: '5',
    }
    const server = scene.start(['serve'], served)
    const { port, adminPort } = await server.listening()
    const isReady = async () => (await fetch(`http://127.0.0.1:${adminPort}/health/ready`)).status === 200
    await vi.waitUntil(isReady, SOON)
    const token = (claims: object) =>
      mintToken(key, { claims: { iat: nowSeconds() - 5, exp: nowSeconds() + 600, ...claims } })
    const get = (sub: string) => {
      const headers = { authorization: `Bearer ${token({ sub })}`, connection: 'close' }
      return fetch(`http://127.0.0.1:${port}/events`, { headers })
    }
    const stream = await get('alice')
    expect(stream.status).toBe(200)
    const ended = stream.text()
    expect(await revoke('operator')).toMatchObject({ code: 0, stderr: '' })
    expect(await ended).toMatch(/:end revoked\n\n$/)
    expect((await get('alice')).status).toBe(401)
    const renewal = await fetch(`http://127.0.0.1:${port}/events`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token({ sub: 'bob' })}`,
        'content-type': 'application/x-challenge-response',
      },
    })
    expect(renewal.status).toBe(202)
    const warnings = server.stdout.split('\n').filter((line) => /"level":[4-6]0/.test(line))
    expect(warnings.filter((line) => !line.includes('librdkafka was built without'))).toEqual([])
  })

  it('names Read where it is missing', async () => isRed(await open('writer'), NO_READ))

  it('names Write where it is missing, also of a principal that may write nowhere', async () => {
    await isRed(
      await open('reader'),
      `control topic ${CONTROL} cannot be written: this principal may not Write to it: `,
    )
  })

  it('names Describe where every right is missing', async () => isRed(await open('stranger'), NO_DESCRIBE))

  it('names the right that is taken away while a server runs, and is read again once it is given', async () => {
    const [mute, deaf] = await Promise.all([open('mute'), open('deaf')])
    await Promise.all([mute.ready(), deaf.ready()])
    const stream = await mute.get(fleetToken(60, { sub: 'carol' }))
    await secured.forbid('mute', 'Write', CONTROL)
    await secured.forbid('deaf', 'Read', CONTROL)
    const silent = `control topic ${CONTROL}: no heartbeat of this process has come back for 5 s: `
    const reasons = (replica: Replica) => vi.waitUntil(async () => (await replica.reasons())[0], SOON)
    expect(await reasons(mute)).toContain(`${silent}this principal may not Write to it: `)
    const unread = `topic ${CONTROL}: partitions 0, 1, 2 cannot be read: ${NO_READ}`
    expect(await reasons(deaf)).toContain(`${silent}${unread}`)
    expect(deaf.lines(40).some((line) => line.startsWith(unread))).toBe(true)
    await secured.allow('mute', 'Write', CONTROL)
    await secured.allow('deaf', 'Read', CONTROL)
    await Promise.all([mute.ready(), deaf.ready()])
    expect(stream.isOpen).toBe(true)
  })

  it('lets revoke say which right it lacks, and which password is wrong without saying it', async () => {
    const [reader, writer, stranger, intruder] = await Promise.all([
      revoke('reader'),
      revoke('writer'),
      revoke('stranger'),
      revoke('operator', { KAFKA_CONFIG_SASL_PASSWORD: 'not-the-password-of-it' }),
    ])
    const failed = (words: string) => ({ code: 1, stdout: '', stderr: expect.stringContaining(words) })
    expect(reader).toEqual(failed(`kafka-sse: this principal may not Write to topic ${CONTROL}: `))
    expect(writer).toMatchObject({ code: 0, stdout: expect.stringContaining(`${CONTROL} has it: `) })
    expect(writer.stderr).toContain(`no server was heard on ${CONTROL} in the last 60 s: ${NO_READ}`)
    const missing = `there is no topic ${CONTROL} (KAFKA_CONTROL_TOPIC), or this principal may not Describe it\n`
    expect(stranger).toEqual(failed(`kafka-sse: ${missing}`))
    expect(intruder).toEqual(failed('SASL authentication error'))
    expect(intruder.stderr).not.toContain('not-the-password-of-it')
  })
})
