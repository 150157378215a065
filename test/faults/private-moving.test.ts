// Two servers of two workers on one Kafka, and private streams, each with a token and values of its own. Either server
// is killed again and again while a producer writes records that move between customers. Every delivery is checked for
// being its stream's own, and each stream gets all of its own, once.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { DEMO_AUDIENCE, DEMO_ISSUER, DEMO_KEY_ID, DEMO_SCOPE } from '../../src/demo/identity.ts'
import { mintToken, readSigningKey } from '../../src/demo/token.ts'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { keepSecret } from '../support/printed.ts'
import { randomOf } from '../support/random.mjs'
import { ServerProcess } from '../support/server-process.ts'
import type { MovingTarget } from './moving-client.ts'
import { MovingProducer } from './moving-producer.ts'
import { PrivateAccount } from './private-account.ts'
import { PrivateClient } from './private-client.ts'
import { PrivateConnection } from './private-connection.ts'
import { keyOf, nameOf, PARTITIONS, TOPICS } from './private-course.mjs'
import { PrivateIds } from './private-ids.ts'
import { PrivateRecords, SHAPES, type Shape } from './private-shapes.ts'

/** CI has more. */
const SECONDS = Number(process.env.PRIVATE_SECONDS ?? 15)
const STREAMS = Number(process.env.PRIVATE_STREAMS ?? 800)
const KILL_EVERY_MS = Number(process.env.PRIVATE_KILL_SECONDS ?? 6) * 1000
const SEED = Number(process.env.PRIVATE_SEED ?? Date.now() % 1_000_000)
const RATE = 1_000
const RECORDS = SECONDS * RATE
const STREAMS_PER_CONNECTION = 50
/** Each kind of stream has one for each customer. */
const CUSTOMERS = Math.ceil(STREAMS / SHAPES.length)
const LIST_VALUES_MAX = 3
/** From when the streams are opened, so that they do so on a topic that is being written to. */
const WRITING_AFTER_MS = 1_500
/** Within this, all streams have everything, once nothing is written and no server is killed any more. */
const CATCH_UP_MS = 60_000 + 6 * STREAMS
const FAULTS_SHOWN_MAX = 20
const MINTED_AT_ONCE = 100
const TIMEOUT_MS = SECONDS * 1000 + CATCH_UP_MS + 60_000
/**
 * Of one topic: room for every record of `inbox`, and little more, so that the servers compact `orders` in a longer
 * run, with resumes of streams whose records were there.
 */
const RETAINED_BYTES_MAX = 2 * 2 ** 20 + 70 * RECORDS
/** What is written is cleaned within seconds. Tombstones stay, and so does the newest record of each key. */
const CLEANED = {
  'cleanup.policy': 'compact',
  'segment.ms': '1000',
  'min.cleanable.dirty.ratio': '0.01',
  'delete.retention.ms': '86400000',
}

interface Server extends MovingTarget {
  readonly process: ServerProcess
}

describe.skipIf(bootstrapServers === null)('Private streams on two servers that are killed', () => {
  const random = randomOf(SEED)
  const secret = randomBytes(32)
  const folder = mkdtempSync(join(tmpdir(), 'private-'))
  const records = new PrivateRecords({ seed: SEED, records: RECORDS, customers: CUSTOMERS })
  let kafka: Kafka
  let producer: MovingProducer
  const servers: Server[] = []
  let clients: PrivateClient[] = []
  const connections: PrivateConnection[] = []
  let killing: Promise<void> = Promise.resolve()
  let kills = 0
  let writingFromMs = Number.POSITIVE_INFINITY
  /** When the last record was written; infinite until then. */
  let restingSinceMs = Number.POSITIVE_INFINITY
  const isResting = () => Date.now() >= restingSinceMs
  /** No record is written before it is due. */
  const written = () =>
    isResting() ? RECORDS : Math.max(0, ((Date.now() - writingFromMs) * RATE) / 1000 + 1)

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    const name = await kafka.createTopic() // a name that is free, and no more
    for (const topic of TOPICS) {
      const config = topic === 'cleaned' ? CLEANED : {}
      await kafka.createTopic({ name: `${name}-${topic}`, partitions: PARTITIONS, config })
    }
    producer = new MovingProducer(kafka.bootstrapServers, name, 'private-producer.mjs')
    const streams = SHAPES.map(({ topic, options }) => ({ ...options, topic: `${name}-${topic}` }))
    const file = join(folder, 'streams.json')
    writeFileSync(file, JSON.stringify({ streams }))
    const settings = {
      CONFIG_FILE: file,
      KAFKA_TOPIC: '',
      WORKERS: '2',
      LOG_LEVEL: 'info',
      KAFKA_RETAINED_BYTES_MAX: String(RETAINED_BYTES_MAX),
      SECRET_KEY: keepSecret(secret.toString('base64url')),
    }
    for (const name of 'AB') {
      const [twin] = servers
      const process = await ServerProcess.open(kafka.bootstrapServers, '', {
        settings,
        ...(twin && { twin: twin.process }),
      })
      const address = { url: process.url, ca: process.ca, token: '' }
      servers.push({ name, address, process, starts: 1, isUp: true })
    }
    clients = await makeClients(servers[0]?.process.folder ?? '')
  }, 120_000)
  afterAll(async () => {
    rest()
    producer.close()
    await killing.catch(() => undefined) // the test has told
    await Promise.all(connections.map((connection) => connection.close()))
    await Promise.all(servers.map(({ process }) => process.close()))
    rmSync(folder, { recursive: true })
    await kafka.close()
  })

  async function makeClients(identity: string): Promise<PrivateClient[]> {
    const made: PrivateClient[] = []
    while (made.length < STREAMS) {
      const numbers = Array.from({ length: Math.min(MINTED_AT_ONCE, STREAMS - made.length) }, (_, at) => {
        return made.length + at
      })
      made.push(...(await Promise.all(numbers.map((number) => makeClient(number, identity)))))
    }
    for (const [number, client] of made.entries()) {
      const peer = made[number + SHAPES.length] ?? made[number % SHAPES.length]
      if (peer !== client && peer !== undefined) client.peer = peer
    }
    return made
  }

  async function makeClient(number: number, identity: string): Promise<PrivateClient> {
    const shape = SHAPES[number % SHAPES.length]
    if (shape === undefined) throw new Error('there are no kinds of streams')
    const own = randomOf(SEED + 1 + number)
    const values = valuesOf(shape, Math.floor(number / SHAPES.length), own)
    const names = [...values].map(shape.by === 'order' ? keyOf : nameOf)
    const [first = ''] = names
    const isLatest = shape.options.replay === 'latest'
    return new PrivateClient({
      name: `stream ${number} of ${names}`,
      shape,
      path: shape.options.path.replace(':order', first),
      token: await mint(identity, `holder-${number}`, shape.isList ? names : first),
      account: new PrivateAccount({ events: records.eventsOf(shape, values), isLatest, written }),
      ids: new PrivateIds(secret, PARTITIONS),
      hasSignals: Math.floor(number / SHAPES.length) % 2 === 0,
      random: own,
    })
  }

  async function mint(identity: string, sub: string, value: string | string[]): Promise<string> {
    const registered = { iss: DEMO_ISSUER, aud: DEMO_AUDIENCE, scope: DEMO_SCOPE }
    const exp = Math.floor(Date.now() / 1000) + 3600
    const key = await readSigningKey(join(identity, 'private.pem'))
    const claims = { ...registered, sub, value, exp }
    return mintToken({ key, algorithm: 'RS256', keyId: DEMO_KEY_ID, claims })
  }

  function openConnections(): void {
    for (let first = 0; first < clients.length; first += STREAMS_PER_CONNECTION) {
      connections.push(
        new PrivateConnection({
          targets: servers,
          clients: clients.slice(first, first + STREAMS_PER_CONNECTION),
          stayMsMax: 3 * KILL_EVERY_MS,
          random: randomOf(SEED - 1 - first),
        }),
      )
    }
  }

  async function killAgainAndAgain(): Promise<void> {
    let dueAtMs = writingFromMs + KILL_EVERY_MS / 2
    while (!isResting()) {
      await pause(Math.min(1000, Math.max(0, dueAtMs - Date.now())))
      if (Date.now() < dueAtMs) continue
      const server = servers[Math.floor(random() * servers.length)]
      if (server !== undefined && !isResting()) await killAndStart(server)
      dueAtMs = Math.max(Date.now(), dueAtMs + KILL_EVERY_MS)
    }
  }

  /** The process that serves, and with it the launcher that started it. */
  async function killAndStart(server: Server): Promise<void> {
    server.isUp = false
    process.kill(server.process.servingPid, 'SIGKILL')
    await server.process.ended()
    kills++
    server.starts++
    await server.process.start()
    server.isUp = true
  }

  it('each get their own, once, and nothing of others', { timeout: TIMEOUT_MS }, async () => {
    writingFromMs = Date.now() + WRITING_AFTER_MS
    openConnections()
    const numbers = { RATE, SECONDS, SEED, CUSTOMERS, FROM_MS: writingFromMs }
    const writing = producer.produce(numbers).finally(rest)
    killing = killAgainAndAgain()
    await Promise.all([writing, killing])
    const isBehind = ({ account }: PrivateClient) => account.missing().length > 0
    const timeout = Math.max(1, restingSinceMs + CATCH_UP_MS - Date.now())
    // If a stream stays behind, the lines below say which, and what it lacks.
    await vi.waitUntil(() => !clients.some(isBehind), { timeout, interval: 200 }).catch(() => undefined)
    const waitedMs = Date.now() - restingSinceMs
    const behind = clients.filter(isBehind)
    const counts = countsOf(clients)
    console.log(line(counts, waitedMs))
    const lacks = behind.flatMap(({ account, faults }) => [...faults, ...account.missing()])
    expect([...clients.flatMap(({ faults }) => faults), ...lacks].slice(0, FAULTS_SHOWN_MAX)).toEqual([])
    expect(counts).toMatchObject({ ofOthers: 0, lost: 0, twice: 0, wrongIds: 0, faults: 0 })
    expectThatItWasWhatItSays(counts)
  })

  /** Nothing is written any more, no server is killed again, and no connection leaves. */
  function rest(): void {
    restingSinceMs = Date.now()
    for (const connection of connections) connection.settle()
  }

  function line(counts: Counts, waitedMs: number): string {
    const { received, deletes, ofOthers, lost, twice, wrongIds, passedOver, opened, refused, gaps } = counts
    const moves = connections.reduce((sum, connection) => sum + connection.moves, 0)
    const recoveries = counts.recoveriesMs.sort((one, other) => one - other)
    const recovery = (share: number) => recoveries[Math.floor(share * (recoveries.length - 1))] ?? 0
    return [
      `${RECORDS} records, ${RATE}/s, ${kills} kills, ${STREAMS} private streams on ${connections.length} connections`,
      `that moved ${moves} times, ${opened} streams opened: ${ofOthers} of others, ${lost} lost, ${twice} twice,`,
      `${wrongIds} wrong ids of ${received} (${deletes} deletes; ${passedOver} superseded left out);`,
      `${refused} ids of others refused; gaps ${JSON.stringify(Object.fromEntries(gaps))}, all there again after`,
      `${recovery(0.5)} ms (median; p99 ${recovery(0.99)} ms, at most ${recovery(1)} ms); nothing missing ${waitedMs}`,
      `ms after the last was written; load ${loadavg().map(Math.round)}; seed ${SEED}`,
    ].join(' ')
  }

  /** Many kills and returns, records that left selections, and ids of others. */
  function expectThatItWasWhatItSays({ opened, deletes, refused, received }: Counts): void {
    expect(kills).toBeGreaterThanOrEqual(Math.floor((SECONDS * 1000) / KILL_EVERY_MS / 2))
    expect(opened).toBeGreaterThan(1.5 * STREAMS)
    expect(received).toBeGreaterThan(RECORDS)
    expect(deletes).toBeGreaterThan(RECORDS / 10)
    expect(refused).toBeGreaterThan(0)
  }
})

/** A value of the customer's own, or one to three of which the first is. */
function valuesOf({ isList, by }: Shape, customer: number, random: () => number): ReadonlySet<number> {
  const values = new Set([customer])
  const count = isList ? 1 + Math.floor(random() * LIST_VALUES_MAX) : 1
  const all = by === 'order' ? 2 * CUSTOMERS : CUSTOMERS
  while (values.size < Math.min(count, all)) values.add(Math.floor(random() * all))
  return values
}

/** Of all streams together. */
interface Counts {
  readonly received: number
  readonly deletes: number
  readonly ofOthers: number
  readonly lost: number
  readonly twice: number
  readonly wrongIds: number
  readonly faults: number
  readonly passedOver: number
  readonly opened: number
  readonly refused: number
  readonly gaps: ReadonlyMap<string, number>
  readonly recoveriesMs: number[]
}

function countsOf(clients: readonly PrivateClient[]): Counts {
  const sum = (count: (client: PrivateClient) => number) =>
    clients.reduce((total, client) => total + count(client), 0)
  const gaps = new Map<string, number>()
  for (const client of clients)
    for (const [reason, count] of client.gaps) gaps.set(reason, (gaps.get(reason) ?? 0) + count)
  return {
    received: sum(({ account }) => account.received),
    deletes: sum(({ account }) => account.deletes),
    ofOthers: sum(({ account }) => account.ofOthers),
    lost: sum(({ account }) => account.lost + account.missing().length),
    twice: sum(({ account }) => account.twice),
    wrongIds: sum(({ account }) => account.wrongIds),
    faults: sum(({ faultCount }) => faultCount),
    passedOver: sum(({ account }) => account.passedOver),
    opened: sum(({ opened }) => opened),
    refused: sum(({ refused }) => refused),
    gaps,
    recoveriesMs: clients.flatMap(({ recoveriesMs }) => recoveriesMs),
  }
}
