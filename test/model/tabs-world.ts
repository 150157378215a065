// A world of tabs that share a stream: two servers that read the partitions in different orders, Kafka that drops
// tombstones, which is a gap for a client without them, a channel that keeps the order only between two tabs, one lock,
// few connections, and tabs that freeze, crash, close, are slow, and stop because their page is left. Every step is
// chosen from outside. A tab's states are those of `Role`, times frozen or not, times a full consumer or not, times a
// connection that is open or waits for one of the browser's, times a getToken that works or fails.

import { Member } from '../../client/src/shared/member.ts'
import type { Entry, Message } from '../../client/src/shared/messages.ts'

const PARTITIONS = 2
/** Connections that a browser has to the server, as over HTTP/1.1. Further ones wait until one of them has ended. */
const CONNECTIONS_MAX = 3

/** What a client has that has nothing. */
const NOTHING = 'AQA='

interface WrittenRecord {
  readonly name: string
  readonly partition: number
  readonly offset: number
  /** Whether the selection of these streams has it. */
  readonly isTheirs: boolean
  /** The record that this tombstone deletes, of the same partition. */
  readonly target: WrittenRecord | null
  /** Kafka has dropped it: a tombstone, or a record that was deleted. */
  isDropped: boolean
}

/** A number from 0 to below the limit. */
export type Choose = (limit: number) => number

class Server {
  readonly order: WrittenRecord[] = []
  readonly backlogs: WrittenRecord[][] = [[], []]

  arrive(choose: Choose): void {
    const waiting = this.backlogs.filter((backlog) => backlog.length > 0)
    const next = waiting[choose(waiting.length)]?.shift()
    if (next !== undefined) this.order.push(next)
  }
}

class OwnConnection {
  private readonly server: Server
  private position: number[]
  /** Empty: nothing was sent, and no heartbeat has told a position. */
  private id: string
  private index = 0
  /** Where it began. */
  private start: readonly number[]
  private readonly sent = new Set<WrittenRecord>()
  private isOpen = false
  private isReady = false
  private readonly world: TabsWorld
  private readonly hasToken: boolean
  private isRefused = false

  constructor(world: TabsWorld, lastEventId: string, hasToken: boolean) {
    this.world = world
    this.hasToken = hasToken
    this.server = world.server()
    this.id = lastEventId
    const hasNothing = lastEventId === '' || lastEventId === NOTHING
    this.position = hasNothing ? Array(PARTITIONS).fill(0) : lastEventId.split('.').map(Number)
    this.start = [...this.position]
  }

  /** false: it has nothing to say at present. */
  next(member: Member): boolean {
    if (!this.isOpen && !this.hasToken) {
      if (this.isRefused) return false
      this.isRefused = true
      member.ownChanged({ state: 'waiting', reason: 'token' })
      return true
    }
    if (!this.isOpen) {
      if (!this.world.connects(this)) return false
      this.isOpen = true
      member.ownChanged({ state: 'open', reason: '' })
      return true
    }
    if (this.server.order.some((record) => this.isMissed(record))) {
      this.startAgain()
      member.own({ type: 'gap', data: 'deletes-dropped', id: NOTHING })
      return true
    }
    while (this.index < this.server.order.length) {
      const record = this.server.order[this.index++]
      if (record === undefined || !this.isAhead(record)) continue
      this.position[record.partition] = record.offset + 1
      if (!record.isTheirs || record.isDropped) continue
      this.sent.add(record)
      this.id = this.position.join('.')
      const { target } = record
      if (target === null) member.own({ type: 'message', data: record.name, id: this.id })
      else member.own({ type: 'delete', data: target.name, id: this.id })
      return true
    }
    if (this.isReady) return false
    this.isReady = true
    member.own({ type: 'ready', data: '', id: this.id })
    return true
  }

  private isAhead({ partition, offset }: WrittenRecord): boolean {
    return offset >= (this.position[partition] ?? 0)
  }

  /** A tombstone that it can send no more, of a record that its client has. */
  private isMissed(record: WrittenRecord): boolean {
    const { target, isDropped } = record
    if (target === null || !isDropped || !this.isAhead(record)) return false
    return this.sent.has(target) || target.offset < (this.start[target.partition] ?? 0)
  }

  private startAgain(): void {
    this.position = Array(PARTITIONS).fill(0)
    this.start = [...this.position]
    this.id = NOTHING
    this.index = 0
    this.isReady = false
    this.sent.clear()
  }

  /** A heartbeat moves the ID over records of others. */
  heartbeat(): string {
    if (this.position.some((offset) => offset > 0)) this.id = this.position.join('.')
    return this.id
  }
}

class Tab {
  readonly id: string
  readonly member: Member
  received: string[] = []
  /** How often a `ready` came since the last gap: a tab that never hears one waits for ever. */
  readies = 0
  connection: OwnConnection | null = null
  flush: (() => void) | null = null
  /** What the lock's promise still has to tell it. */
  readonly tasks: ('elected' | 'deposed')[] = []
  isFrozen = false
  isFull = false
  connections = 0
  /** Whether its getToken works. */
  readonly hasToken: boolean

  constructor(world: TabsWorld, id: string, hasToken: boolean) {
    this.id = id
    this.hasToken = hasToken
    this.member = new Member({
      // A few entries, so that the limits are met.
      limits: { logUnitsMax: 600, unitsAheadMax: 900, followersMax: 5 },
      id,
      lastEventId: '',
      post: (to, message) => world.post(id, to, message),
      deliver: (entry) => this.deliver(entry),
      isFull: () => this.isFull,
      open: (lastEventId) => {
        if (this.connection !== null) throw new Error(`${id} opened a second connection`)
        this.connections++
        this.connection = new OwnConnection(world, lastEventId, this.hasToken)
        if (this.hasToken) world.connections.push(this.connection)
      },
      shut: () => {
        world.disconnect(this)
      },
      stand: (steal) => world.stand(this, steal),
      resign: () => world.release(this),
      retry: () => {},
      failed: () => {},
      changed: () => {},
      soon: (flush) => {
        this.flush = flush
      },
    })
  }

  private deliver({ event }: Entry): void {
    if (event?.type === 'ready') this.readies++
    if (event?.type === 'delete') this.received = this.received.filter((data) => data !== event.data)
    if (event?.type === 'gap') {
      this.received = []
      this.readies = 0
    }
    if (event?.type !== 'message') return
    const { data } = event
    if (this.received.includes(data)) throw new Error(`${this.id} received ${data} twice`)
    this.received.push(data)
  }

  runFlush(): boolean {
    const flush = this.flush
    this.flush = null
    flush?.()
    return flush !== null
  }
}

export class TabsWorld {
  tabs: Tab[] = []
  /** Those that are open, and behind them those that wait, in the order in which they were asked for. */
  connections: OwnConnection[] = []
  private readonly choose: Choose
  private readonly servers = [new Server(), new Server()]
  private readonly links = new Map<string, { to: Tab; messages: Message[] }>()
  /** What a client has in the end. */
  private written: WrittenRecord[] = []
  private readonly ends: number[] = Array(PARTITIONS).fill(0)
  private holder: Tab | null = null
  private queue: Tab[] = []
  private opened = 0

  constructor(choose: Choose) {
    this.choose = choose
  }

  /** Mostly the first, as with one connection of HTTP/2. */
  server(): Server {
    return this.servers[this.choose(4) === 0 ? 1 : 0] as Server
  }

  /** Whether this connection is one of those that the browser has. */
  connects(connection: OwnConnection): boolean {
    return this.connections.indexOf(connection) < CONNECTIONS_MAX
  }

  disconnect(tab: Tab): void {
    this.connections = this.connections.filter((connection) => connection !== tab.connection)
    tab.connection = null
  }

  write(isTheirs: boolean): void {
    const partition = this.choose(PARTITIONS)
    const offset = this.ends[partition] ?? 0
    this.ends[partition] = offset + 1
    const deletable = this.written.filter((record) => isTheirs && record.partition === partition)
    const target = (this.choose(3) === 0 ? deletable[this.choose(deletable.length)] : null) ?? null
    const name = `${partition}:${offset}`
    const record: WrittenRecord = { name, partition, offset, isTheirs, target, isDropped: false }
    if (target !== null) this.written = this.written.filter((other) => other !== target)
    else if (isTheirs) this.written.push(record)
    for (const { backlogs } of this.servers) backlogs[partition]?.push(record)
  }

  /** Kafka drops the tombstones that both servers have read, and what they delete. */
  dropDeleted(): void {
    const [one, other] = this.servers
    for (const record of one?.order ?? []) {
      if (record.target === null || other?.order.includes(record) !== true) continue
      record.isDropped = true
      record.target.isDropped = true
    }
  }

  open(): void {
    const tab = new Tab(this, `tab${++this.opened}`, this.choose(8) > 0)
    this.tabs.push(tab)
    tab.member.start()
  }

  close(tab: Tab): void {
    tab.member.leave('closed')
    this.remove(tab)
  }

  /** The page is left, or shown again. Its channel is closed meanwhile. */
  stopOrGoOn(tab: Tab): void {
    if (tab.member.role === 'stopped') tab.member.goOn()
    else {
      tab.member.leave('stopped')
      for (const link of this.links.values()) if (link.to === tab) link.messages = []
    }
  }

  /** What it has posted may arrive, or not. */
  crash(tab: Tab, isHeard: boolean): void {
    this.remove(tab)
    if (isHeard) return
    for (const link of this.links.keys()) if (link.startsWith(`${tab.id} `)) this.links.delete(link)
  }

  post(from: string, to: string | null, message: Message): void {
    for (const tab of this.tabs) {
      if (tab.id === from || (to !== null && tab.id !== to) || tab.member.role === 'stopped') continue
      const name = `${from} ${tab.id} ${to === null}`
      const link = this.links.get(name) ?? { to: tab, messages: [] }
      this.links.set(name, link)
      link.messages.push(structuredClone(message))
    }
  }

  /** Replaces what the tab has asked for before, and what it would be told of that, as LeaderLock does. */
  stand(tab: Tab, steal: boolean): void {
    this.release(tab)
    if (steal) {
      this.holder?.tasks.push('deposed')
      this.holder = tab
      tab.tasks.push('elected')
      return
    }
    this.queue.push(tab)
    this.grant()
  }

  release(tab: Tab): void {
    tab.tasks.length = 0
    this.queue = this.queue.filter((waiting) => waiting !== tab)
    if (this.holder === tab) this.holder = null
    this.grant()
  }

  private end(tab: Tab, choice: number): void {
    if (choice === 0) this.close(tab)
    else if (choice <= 2) this.crash(tab, choice === 1)
  }

  /** One step of the world, which any step may follow. */
  step(): void {
    const tab = this.tabs[this.choose(this.tabs.length)]
    const kind = this.choose(21)
    if (tab === undefined || kind === 0) {
      if (this.tabs.length < 5) this.open()
    } else if (kind === 1) tab.isFrozen = !tab.isFrozen
    else if (kind === 2) tab.isFull = this.choose(4) === 0
    else if (kind === 3) this.end(tab, this.choose(6))
    else if (kind <= 5) this.write(this.choose(3) > 0)
    else if (kind <= 8) this.servers[this.choose(2)]?.arrive(this.choose)
    else if (kind <= 11) this.work(tab)
    else if (kind === 12) this.tick(tab)
    else if (kind === 13) this.loseOrRepeat(this.choose(8))
    else if (kind === 14) this.dropDeleted()
    else if (kind === 15) this.stopOrGoOn(tab)
    else this.hear(this.choose)
  }

  /**
   * Nothing more is written, and every tab is awake and quick: says what is wrong when all is quiet, or that a tab
   * still misses a record after `missingRoundsMax` ticks.
   */
  settle(roundsMax: number, missingRoundsMax: number): string | null {
    for (const tab of this.tabs) {
      tab.isFrozen = false
      tab.isFull = false
      if (tab.member.role === 'stopped') this.stopOrGoOn(tab)
    }
    for (let round = 0; round < roundsMax; round++) {
      for (const server of this.servers)
        while (server.backlogs.some(({ length }) => length > 0)) server.arrive(this.choose)
      this.drain()
      const wrong = this.wrong()
      if (wrong === null) return null
      if (round === missingRoundsMax && wrong.includes('misses')) return wrong
      for (const tab of this.tabs) this.tick(tab)
    }
    return this.wrong()
  }

  private wrong(): string | null {
    if (!this.tabs.some(({ hasToken }) => hasToken)) return null
    // What no leader could take up, and no server lets in, has nothing.
    const tabs = this.tabs.filter(({ hasToken, member }) => hasToken || member.role !== 'alone')
    for (const { id, received, readies } of tabs) {
      const names = this.written.map(({ name }) => name)
      const missing = names.filter((name) => !received.includes(name))
      if (missing.length > 0) return `${id} misses ${missing}`
      const deleted = received.filter((name) => !names.includes(name))
      if (deleted.length > 0) return `${id} was not told that ${deleted} are deleted`
      if (readies === 0) return `${id} was never ready`
    }
    const open = tabs.filter(({ connection }) => connection !== null)
    if (open.length !== 1) {
      return `open: ${open.map(({ id, member }) => `${id} ${member.role}`)} of ${this.tabs.map(({ member }) => member.role)}`
    }
    return null
  }

  private drain(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = false
      for (const tab of this.tabs) while (this.work(tab)) isBusy = true
      while (this.hear(this.choose)) isBusy = true
    }
  }

  /** What a tab does by itself: news of the lock, its own connection, its followers' batch. */
  private work(tab: Tab): boolean {
    if (tab.isFrozen) return false
    const task = tab.tasks.shift()
    if (task !== undefined) {
      tab.member[task]()
      return true
    }
    if (this.choose(2) === 0 && tab.runFlush()) return true
    return tab.connection?.next(tab.member) || tab.runFlush()
  }

  private tick(tab: Tab): void {
    if (tab.isFrozen) return
    if (tab.connection !== null) tab.member.ownMoved(tab.connection.heartbeat())
    tab.member.tick()
  }

  private hear(choose: Choose): boolean {
    const links = [...this.links.values()].filter(
      ({ to, messages }) => messages.length > 0 && !to.isFrozen && this.tabs.includes(to),
    )
    const link = links[choose(links.length)]
    const message = link?.messages.shift()
    if (link === undefined || message === undefined) return false
    link.to.member.receive(message)
    return true
  }

  /** A message that never arrives (0, 1), or arrives twice (2); or neither. */
  private loseOrRepeat(choice: number): void {
    const links = [...this.links.values()].filter(({ messages }) => messages.length > 0)
    const { messages = [] } = links[this.choose(links.length)] ?? {}
    const [first] = messages
    if (choice <= 1) messages.shift()
    else if (choice === 2 && first !== undefined) messages.unshift(structuredClone(first))
  }

  private grant(): void {
    if (this.holder !== null) return
    this.holder = this.queue.shift() ?? null
    this.holder?.tasks.push('elected')
  }

  private remove(tab: Tab): void {
    this.tabs = this.tabs.filter((other) => other !== tab)
    this.disconnect(tab)
    this.release(tab)
  }
}
