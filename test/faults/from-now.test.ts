// A server begins to read a topic that is written to all the time, and clients ask at once for what comes from now on.
// Every record that is produced after they have their answer arrives, no matter what Kafka tells the server later.

import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { formatEventId } from '../../src/bus/event-id.ts'
import { FROM_NOW } from '../../src/bus/position.ts'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { forThisTest } from '../support/scene.ts'
import { ServerProcess } from '../support/server-process.ts'
import { HeldConnection, type HeldStream } from './held-connection.ts'

const PARTITIONS = [0, 1, 2, 3]
const BEFORE = 150_000
const BATCH = 10_000
const EVERY_MS = 3
/** What is produced for once the server has caught up. */
const GOES_ON_MS = 1_000
const SOON = { timeout: 30_000, interval: 20 }
const AHEAD_MS = 5_000

const WISHES: Record<string, () => Record<string, string>> = {
  'from=latest': () => ({ ':path': '/events?from=latest' }),
  'since=now+5s': () => ({ ':path': `/events?since=${Date.now() + AHEAD_MS}` }),
  '-1': () => ({ 'last-event-id': formatEventId(new Map(PARTITIONS.map((at) => [at, FROM_NOW]))) }),
}

interface Asked {
  readonly wish: string
  readonly stream: HeldStream
  /** Number of the first record that was produced after the answer. */
  readonly from: number
}

describe.skipIf(bootstrapServers === null)('A stream that is opened while the server begins', () => {
  let kafka: Kafka
  let topic: string
  /** Records so far; each says its number. */
  let produced = 0

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    topic = await kafka.createTopic({ partitions: PARTITIONS.length })
    while (produced < BEFORE) await kafka.produce(topic, ...Array.from({ length: BATCH }, next))
  }, 60_000)
  afterAll(() => kafka.close())

  function next() {
    const number = produced++
    return { partition: number % PARTITIONS.length, value: `${number} ${'x'.repeat(100)}` }
  }

  /** Keeps producing until it is told to stop. */
  function producing() {
    let isOver = false
    const done = (async () => {
      for (; !isOver; await pause(EVERY_MS)) await kafka.produce(topic, next())
    })()
    return () => {
      isOver = true
      return done
    }
  }

  it.each(['1', '2'])(
    'gets all that comes after its answer (WORKERS %s)',
    { timeout: 90_000 },
    async (workers) => {
      const settings = { KAFKA_REPLAY: 'all', WORKERS: workers }
      const server = await forThisTest(ServerProcess.open(kafka.bootstrapServers, topic, { settings }))
      const token = await server.token('+1h')
      await server.stop()
      const stop = producing()
      await server.start()
      const connection = await forThisTest(HeldConnection.open(server))
      const wasLoading = !hasCaughtUp(server)
      const asked = await Promise.all(
        Object.entries(WISHES).map(async ([wish, headers]): Promise<Asked> => {
          const stream = await connection.stream(token, headers())
          return { wish, stream, from: produced }
        }),
      )
      await vi.waitUntil(() => hasCaughtUp(server), SOON)
      await pause(GOES_ON_MS)
      await stop()
      // Where one never has them all, what it lacks says so.
      await vi.waitUntil(() => asked.every((each) => lostOf(each).length === 0), SOON).catch(() => undefined)
      console.log(`loading: ${wasLoading}; of ${asked.map(wordsOf).join(', ')}`)
      expect(asked.map(({ wish, stream }) => [wish, stream.status])).toEqual(
        Object.keys(WISHES).map((wish) => [wish, 200]),
      )
      expect(asked.map((each) => [each.wish, lostOf(each)])).toEqual(
        Object.keys(WISHES).map((wish) => [wish, []]),
      )
    },
  )

  function lostOf({ stream, from }: Asked): number[] {
    const got = new Set(numbersOf(stream))
    return Array.from({ length: produced - from }, (_, at) => from + at).filter((number) => !got.has(number))
  }

  function wordsOf(asked: Asked): string {
    const older = numbersOf(asked.stream).filter((number) => number < asked.from).length
    return `${produced - asked.from} lost ${lostOf(asked).length} with ${older} older (${asked.wish})`
  }
})

function numbersOf({ reader }: HeldStream): number[] {
  return reader.records.map((value) => Number(value.split(' ')[0]))
}

function hasCaughtUp({ output }: ServerProcess): boolean {
  return output.includes('is read up to date')
}
