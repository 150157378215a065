// A control topic that does not exist, on a Kafka that makes topics as soon as somebody writes to them, which is its
// default: a server must not make the topic that its operator has misspelt.

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { canStartKafka, Kafka } from '../kafka/kafka.ts'
import { type RealKafka, startRealKafka } from '../kafka/real-kafka.ts'
import { fleetToken, Replica } from '../kafka/replica.ts'
import { nowSeconds } from '../support/keys-and-tokens.ts'
import { keepSecret } from '../support/printed.ts'
import { forThisTest } from '../support/scene.ts'
import { ServerProcess } from '../support/server-process.ts'
import { HeldConnection } from './held-connection.ts'

const LOGOUT_EVENTS = { 'http://schemas.openid.net/event/backchannel-logout': {} }
const SOON = { timeout: 30_000, interval: 20 }

describe.skipIf(!canStartKafka)(
  'A replica whose control topic is missing, where writing makes topics',
  () => {
    let broker: RealKafka
    let kafka: Kafka

    beforeAll(async () => {
      broker = await startRealKafka(['auto.create.topics.enable=true'])
      kafka = new Kafka(broker.bootstrapServers)
    })
    afterAll(async () => {
      await kafka.close()
      await broker.close()
    })

    it('does not make it by a revocation, which holds here, and is written once the topic is there', async () => {
      const topic = await kafka.createTopic()
      const options = { bootstrapServers: broker.bootstrapServers, controlTopic: 'misspelt' }
      const replica = await forThisTest(Replica.open({ kafka: options, topic }))
      const missing = async () =>
        expect((await replica.reasons()).join()).toContain('misspelt does not exist')
      await vi.waitFor(missing, SOON)
      await expect(replica.scope.kafkaSse.revoke({ sub: 'alice' })).rejects.toThrow(/cannot be told/)
      await missing()
      await kafka.createTopic({ name: 'misspelt', config: { 'retention.ms': '604800000' } })
      await replica.ready()
      expect((await replica.get(fleetToken(60, { iat: nowSeconds() - 100 }))).status).toBe(401)
      const read = 'kafka_sse_control_records_total{op="revoke"}'
      await vi.waitUntil(async () => (await replica.metric(read)) === 1, SOON)
    })

    it('takes a logout token again until it could be written, at any of its threads, and then no more', async () => {
      const topic = await kafka.createTopic()
      const settings = {
        WORKERS: '2',
        LOGOUT_PATH: '/logout',
        KAFKA_CONTROL_TOPIC: 'later',
        SECRET_KEY: keepSecret(Buffer.alloc(32, 4).toString('base64url')),
      }
      const server = await forThisTest(ServerProcess.open(broker.bootstrapServers, topic, { settings }))
      const connections = await Promise.all([1, 2, 3, 4].map(() => HeldConnection.open(server)))
      const claims = { iat: nowSeconds(), jti: 'once', events: LOGOUT_EVENTS }
      const token = await server.token('+60s', 'alice', claims)
      const send = (number: number) => connections[number]?.logout(token)
      expect(await send(0)).toBe(400)
      await kafka.createTopic({ name: 'later', config: { 'retention.ms': '604800000' } })
      await vi.waitFor(async () => expect(await server.metric('kafka_sse_ready')).toBe(1), SOON)
      expect(await send(1)).toBe(200)
      expect(await Promise.all([0, 1, 2, 3].map(send))).toEqual([400, 400, 400, 400])
      for (const connection of connections) connection.close()
    })

    it('takes a revocation right after its start', async () => {
      const [topic, controlTopic] = [await kafka.createTopic(), await kafka.createTopic()]
      const options = { bootstrapServers: broker.bootstrapServers, controlTopic }
      const replica = await forThisTest(Replica.open({ kafka: options, topic }))
      await replica.scope.kafkaSse.revoke({ sub: 'alice' })
      await replica.ready()
      const read = 'kafka_sse_control_records_total{op="revoke"}'
      await vi.waitUntil(async () => (await replica.metric(read)) === 1, SOON)
    })
  },
)
