// Two servers on one Kafka, one with two workers. Both are killed again and again while a producer writes and clients
// move between them. An id is good at the other server, no matter in which order that read the partitions, and every
// record comes once.

import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { randomOf } from '../support/random.mjs'
import { ServerProcess } from '../support/server-process.ts'
import { ArrivalOrders } from './arrival-orders.ts'
import { MovingClient, type MovingTarget } from './moving-client.ts'
import { MovingProducer } from './moving-producer.ts'

/** CI has more. */
const SECONDS = Number(process.env.MOVING_SECONDS ?? 12)
const SEED = Number(process.env.MOVING_SEED ?? Date.now() % 1_000_000)
const PARTITIONS = 12
const RECORDS_PER_SECOND = 2_000
const RECORDS = SECONDS * RECORDS_PER_SECOND
const CLIENTS = 50
/**
 * Time between a server's start and the next kill, of it or of the other: while it catches up, or once it is live. A
 * sixth of a short run at the most, so that several kills come in it, however long servers take to start.
 */
const KILL_WITHIN_MS = { min: 1_000, max: Math.min(5_000, (SECONDS * 1_000) / 6) }
/** Within this, all clients have everything, once nothing is written and no server is killed any more. */
const CATCH_UP_MS = 30_000
const FAULTS_SHOWN_MAX = 20
const TIMEOUT_MS = SECONDS * 1000 + 75_000

interface Server extends MovingTarget {
  readonly process: ServerProcess
}

describe.skipIf(bootstrapServers === null)(
  'Two servers that are killed while clients move between them',
  () => {
    const random = randomOf(SEED)
    const orders = new ArrivalOrders(PARTITIONS, (2 * RECORDS) / PARTITIONS)
    let kafka: Kafka
    let producer: MovingProducer
    const servers: Server[] = []
    const clients: MovingClient[] = []
    let killing: Promise<void> = Promise.resolve()
    let kills = 0
    /** How long servers took to start again, in all. */
    let startingMs = 0
    /** When the last record was written; infinite until then. */
    let restingSinceMs = Number.POSITIVE_INFINITY
    const isResting = () => Date.now() >= restingSinceMs

    beforeAll(async () => {
      kafka = new Kafka(bootstrapServers)
      const topic = await kafka.createTopic({ partitions: PARTITIONS })
      producer = new MovingProducer(kafka.bootstrapServers, topic)
      const first = await ServerProcess.open(kafka.bootstrapServers, topic, { settings: { WORKERS: '1' } })
      const { text: token } = await first.token('+1h')
      const second = await ServerProcess.open(kafka.bootstrapServers, topic, {
        twin: first,
        settings: { WORKERS: '2' },
      })
      for (const [index, process] of [first, second].entries()) {
        const address = { url: process.url, ca: process.ca, token }
        servers.push({ name: 'AB'.charAt(index), address, process, starts: 1, isUp: true })
      }
    })
    afterAll(async () => {
      rest()
      producer.close()
      await killing.catch(() => undefined) // the test has told
      await Promise.all(clients.map((client) => client.close()))
      await Promise.all(servers.map(({ process }) => process.close()))
      await kafka.close()
    })

    /** Half of them over HTTP/2; each with a randomness of its own, so that one does not depend on when others ask. */
    function openClients(): void {
      for (let number = 0; number < CLIENTS; number++) {
        clients.push(
          new MovingClient({
            name: `client ${number}`,
            protocol: number % 2 === 0 ? 'h2' : 'h1',
            targets: servers,
            partitions: PARTITIONS,
            orders,
            random: randomOf(SEED + 1 + number),
          }),
        )
      }
    }

    const produce = () => producer.produce({ PARTITIONS, RATE: RECORDS_PER_SECOND, SECONDS, SEED })

    async function killAgainAndAgain(): Promise<void> {
      while (!isResting()) {
        const { min, max } = KILL_WITHIN_MS
        await pause(min + random() * (max - min))
        const server = servers[Math.floor(random() * servers.length)]
        if (server !== undefined && !isResting()) await killAndStart(server)
      }
    }

    async function killAndStart(server: Server): Promise<void> {
      server.isUp = false
      const killedAtMs = performance.now()
      await server.process.kill()
      kills++
      server.starts++
      await server.process.start()
      startingMs += performance.now() - killedAtMs
      server.isUp = true
    }

    it('loses nothing, repeats nothing, keeps the order', { timeout: TIMEOUT_MS }, async () => {
      openClients()
      const writing = produce().finally(rest)
      killing = killAgainAndAgain()
      const [produced] = await Promise.all([writing, killing])
      const isBehind = ({ ledger }: MovingClient) => !ledger.hasReached(produced)
      const timeout = restingSinceMs + CATCH_UP_MS - Date.now()
      // If a client stays behind, the lines below say which, and where.
      await vi.waitUntil(() => !clients.some(isBehind), { timeout }).catch(() => undefined)
      const waitedMs = Date.now() - restingSinceMs
      const behind = clients.filter(isBehind).map((client) => client.describe())
      const counts = countsOf(clients, produced)
      console.log(line(counts, behind.length, waitedMs))
      expect([...clients.flatMap(({ faults }) => faults), ...behind].slice(0, FAULTS_SHOWN_MAX)).toEqual([])
      expect(counts).toMatchObject({ lost: 0, twice: 0, outOfOrder: 0, wrongIds: 0 })
      expect(counts.received).toBe(CLIENTS * RECORDS)
      expectThatItWasWhatItSays(counts)
    })

    /** Nothing is written any more, no server is killed again, and no client leaves. */
    function rest(): void {
      restingSinceMs = Date.now()
      for (const client of clients) client.settle()
    }

    function line(counts: Counts, behind: number, waitedMs: number): string {
      const { lost, twice, outOfOrder, wrongIds, received, reconnects, moves, cuts, longestSilenceMs } =
        counts
      return [
        `${RECORDS} records, ${PARTITIONS} partitions, ${RECORDS_PER_SECOND}/s, ${kills} kills, ${CLIENTS} clients,`,
        `${reconnects} reconnects, ${moves} moves, ${cuts} cut within an event:`,
        `${lost} lost, ${twice} twice, ${outOfOrder} out of order, ${wrongIds} wrong ids of ${received};`,
        `${orders.differing} of ${orders.compared} records that came from both servers had another id at each,`,
        `${orders.rewritten} had several at one; longest silence of a client ${longestSilenceMs} ms,`,
        `${behind} clients behind ${waitedMs} ms after the last was written; seed ${SEED}`,
      ].join(' ')
    }

    /** Many kills and moves, many connections cut within an event, two orders of arrival, ids that were rewritten. */
    function expectThatItWasWhatItSays({ moves, cuts }: Counts): void {
      // Nor did it wait longer for one than it says; on a slow machine the starts take the rest of the time.
      const waits = (SECONDS * 1000 - startingMs) / KILL_WITHIN_MS.max
      expect(kills).toBeGreaterThanOrEqual(Math.max(1, Math.floor(waits) - 1))
      expect(moves).toBeGreaterThan(2 * SECONDS)
      expect(cuts).toBeGreaterThan(SECONDS)
      expect(orders.differing).toBeGreaterThan(0)
      expect(orders.rewritten).toBeGreaterThan(0)
    }
  },
)

/** Of all clients together. */
interface Counts {
  readonly received: number
  readonly lost: number
  readonly twice: number
  readonly outOfOrder: number
  readonly wrongIds: number
  readonly reconnects: number
  readonly moves: number
  readonly cuts: number
  readonly longestSilenceMs: number
}

function countsOf(clients: readonly MovingClient[], produced: readonly number[]): Counts {
  const sum = (count: (client: MovingClient) => number) =>
    clients.reduce((total, client) => total + count(client), 0)
  return {
    received: sum(({ ledger }) => ledger.received),
    lost: sum(({ ledger }) => ledger.lost(produced)),
    twice: sum(({ ledger }) => ledger.twice),
    outOfOrder: sum(({ ledger }) => ledger.outOfOrder),
    wrongIds: sum(({ wrongIds }) => wrongIds),
    reconnects: sum(({ opened }) => opened - 1),
    moves: sum(({ moves }) => moves),
    cuts: sum(({ cuts }) => cuts),
    longestSilenceMs: Math.max(...clients.map(({ longestSilenceMs }) => longestSilenceMs)),
  }
}
