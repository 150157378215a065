// The end of a case while one leader is silent. A client comes to a server that may not have read what its id names,
// and is at the tail of all other partitions within 10 s: at once if only these are ahead.

import type { Choose } from './choice.ts'
import type { Client } from './client.ts'
import type { KafkaTopic } from './log.ts'
import type { Server } from './server.ts'

/** Every stream begins within this, counted from its request. */
const HELD_UP_MS = 9_999

export interface SilenceParts {
  readonly kafka: KafkaTopic
  readonly client: Client
  /** Where the client comes from, and where it goes. */
  readonly from: Server
  readonly to: Server
  readonly choose: Choose
  readonly connect: (client: Client, server: Server) => void
  /** Writes something to some partition. */
  readonly write: () => void
  readonly pass: (ms: number) => void
}

export class Silence {
  private readonly parts: SilenceParts

  constructor(parts: SilenceParts) {
    this.parts = parts
  }

  async live(): Promise<void> {
    const { kafka, from, to, client, choose, connect, write } = this.parts
    const silent = choose(kafka.logs.length)
    for (const log of kafka.logs) log.isSilent = false
    for (let count = choose(4); count >= 0; count--) write()
    await from.settle()
    if (!client.isOpen) connect(client, from)
    readAll(client)
    client.heartbeat('never')
    for (const [partition, log] of kafka.logs.entries()) log.isSilent = partition === silent
    this.parts.to.look()
    if (choose(2) === 0) to.report()
    connect(client, to)
    readAll(client)
    await this.beginAtOnce()
    await this.comeToTail()
    write()
    await this.comeToTail()
  }

  /** No time passes: Kafka answers but nothing is read, or the other way round, or neither happens. */
  private async beginAtOnce(): Promise<void> {
    const { to, client, choose } = this.parts
    const what = choose(3)
    if (what === 0) for (let answers = 0; answers < 2; answers++) await to.answer()
    if (what === 1) to.readAll()
    const isDue = () => (what === 0 ? client.canBegin : client.hasAll)
    const wasDue = isDue()
    readAll(client)
    // It waits for what is read again meanwhile.
    if (wasDue && isDue() && client.isWaiting) throw new Error('it waits for a leader that it does not need')
  }

  private async comeToTail(): Promise<void> {
    const { to, client, connect, pass } = this.parts
    for (let tries = 0; tries < 4; tries++) {
      if (!client.isOpen) connect(client, to)
      readAll(client)
      to.readAll()
      if (this.parts.choose(2) === 0) await to.answer()
      readAll(client)
      if (client.isWaiting) pass(HELD_UP_MS)
      readAll(client)
      if (client.isWaiting) throw new Error('a silent leader holds it up for 10 s')
      if (client.isAtTail) return this.expectAll()
    }
    if (to.view.isWhole) throw new Error('it waits for ever while a leader is silent')
  }

  private expectAll(): void {
    const { kafka, to, client } = this.parts
    client.heartbeat('never')
    for (const [partition, log] of kafka.logs.entries()) {
      if (!log.isSilent && client.nextOf(partition) < (to.bus.nextOffset(partition) ?? 0))
        throw new Error(`it is at the tail, without all of partition ${partition}`)
    }
  }
}

function readAll(client: Client): void {
  while (client.work(100_000, 'never'));
}
