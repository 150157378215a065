// Settings that are read again, in any order of events: the real reader, reload and pool of workers, with real files.
// Only the threads are others (thread-in-process.ts). The model says what is on disk, and so what must be served.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { parseEnvironment } from '../../src/config/parse.ts'
import type { Certificate } from '../../src/http/listener.ts'
import type { ServerOptions } from '../../src/options.ts'
import type { LiveOptions } from '../../src/reload/live-settings.ts'
import { Reload, type Reloadable } from '../../src/reload/reload.ts'
import { SettingsReader } from '../../src/reload/settings-reader.ts'
import { handOver } from '../../src/threads/handover.ts'
import { WorkerPool, type WorkerPoolParts } from '../../src/threads/worker-pool.ts'
import { ThreadInProcess } from './thread-in-process.ts'

export interface Pair {
  readonly certificatePem: string
  readonly keyPem: string
}
/** A number from 0 to below the limit. */
export type Choose = (limit: number) => number
interface Told {
  readonly kind: 'read' | 'refused' | 'partly'
  readonly problem: string
}

const WORKERS = 2
const SETTLED_MS = 8_000
/** Which of the events only change files. */
const FILE_EVENTS = 9

export class ReloadWorld {
  /** What is wrong so far. */
  readonly faults: string[] = []
  private readonly folder = mkdtempSync(join(tmpdir(), 'reload-model-'))
  /** Numbers of pairs; null: half written, or not there. The last pair has expired. */
  private cert: number | null = 0
  private key: number | null = 0
  private limit: number | null = 1000
  private readonly limits = new Set([1000])
  private readonly told: Told[] = []
  private readonly taken: Promise<void>[] = []
  private readonly readings = { begun: 0 }
  private begunAtSignal = -1
  private isMeddling = true
  private readonly choose: Choose
  private readonly pairs: readonly Pair[]
  private reader: SettingsReader | null = null
  private pool: WorkerPool | null = null

  constructor(choose: Choose, pairs: readonly Pair[]) {
    this.choose = choose
    this.pairs = pairs
  }

  async start(): Promise<void> {
    const { folder } = this
    this.write('tls.crt', this.pairs[0]?.certificatePem)
    this.write('tls.key', this.pairs[0]?.keyPem)
    this.write('config.json', configOf(1000))
    const env = {
      ...{ KAFKA_BOOTSTRAP_SERVERS: 'localhost:9092', JWT_ISSUER: 'https://id.example', JWT_AUDIENCE: 'us' },
      ...{ TLS_CERT_FILE: join(folder, 'tls.crt'), TLS_KEY_FILE: join(folder, 'tls.key') },
      ...{ CONFIG_FILE: join(folder, 'config.json'), WORKERS: String(WORKERS) },
    }
    const options = await parseEnvironment(env)
    ThreadInProcess.living.clear()
    ThreadInProcess.delayMs = () => this.choose(6)
    ThreadInProcess.onServed = (cert, key) => this.served(cert, key)
    const pool = new WorkerPool({ ...poolParts(), handed: handOver(options) })
    this.pool = pool
    const certificate = { cert: this.bytes(0, 'certificatePem'), key: this.bytes(0, 'keyPem') }
    await pool.start(certificate)
    const app = new AppInProcess(pool, certificate, this.told, () => {
      if (this.choose(4) === 0) this.killOne()
    })
    const reload = new Reload(app, options)
    // Without files to look at, so that a reading begins in the turn of its signal.
    this.reader = new SettingsReader({ read: () => this.read(env), files: [], everyMs: 0 })
    this.reader.feed.passTo((reading) => this.taken.push(reload.take(reading)))
  }

  async step(): Promise<void> {
    const event = this.choose(FILE_EVENTS + 6)
    if (event < FILE_EVENTS) this.changeFiles(event)
    else if (event < FILE_EVENTS + 3) this.hangUp()
    else if (event < FILE_EVENTS + 4) this.killOne()
    await (event < FILE_EVENTS + 4 ? nextTurn() : pause(this.choose(12)))
  }

  /** After the last event: what is on disk is served everywhere if it is good; else what was served before. */
  async settle(): Promise<void> {
    this.isMeddling = false
    // Else the last signal comes during a reading, and what that one tells cannot be told apart.
    const isQuiet = this.choose(2) === 0
    if (isQuiet) await this.quiet()
    else this.hangUp()
    await nextTurn()
    const earlier = this.told.length
    const [before] = this.states()
    this.changeLast()
    if (!isQuiet) this.killOne()
    this.hangUp()
    await this.quiet()
    const { cert, key, limit } = this
    const isGood = cert !== null && cert === key && !this.isExpired(cert) && limit !== null
    if (isQuiet) this.checkTold(this.told.slice(earlier), isGood)
    const served = isGood ? `${cert}:${limit}` : isQuiet ? before : this.states()[0]
    this.checkServed(served)
    for (const thread of [...ThreadInProcess.living]) thread.die()
    await this.quiet()
    this.checkServed(served)
  }

  /** At any moment, also while a reload is under way. */
  async stop(): Promise<void> {
    this.reader?.feed.passTo(null)
    this.reader?.close()
    const closed = Promise.all([this.pool?.close(), ...this.taken]).then(() => 'closed')
    if ((await Promise.race([closed, pause(SETTLED_MS, 'late', { ref: false })])) === 'late')
      this.faults.push('it does not end')
    if (this.told.some(({ kind }) => kind === 'partly')) this.faults.push('a worker has not answered')
    rmSync(this.folder, { recursive: true })
  }

  private hangUp(): void {
    this.begunAtSignal = this.readings.begun
    this.reader?.again('SIGHUP')
  }

  private killOne(): void {
    ;[...ThreadInProcess.living][this.choose(WORKERS)]?.die()
  }

  /** Nothing, or a pair and a limit; of these, the pair may not fit. */
  private changeLast(): void {
    const [kind, some] = [this.choose(3), this.choose(this.pairs.length - 1)]
    if (kind === 0) return
    this.changeFiles(7)
    this.place('cert', some)
    this.place('key', kind === 1 ? some : some + 1)
  }

  private checkServed(expected: string | undefined): void {
    const states = this.states()
    if (states.length !== WORKERS || states.some((state) => state !== expected))
      this.faults.push(`${states.join(' and ')} are served in place of ${expected}`)
  }

  private checkTold(lines: readonly Told[], isGood: boolean): void {
    const kinds = [...new Set(lines.map(({ kind }) => kind))].join()
    if (kinds !== (isGood ? 'read' : 'refused')) this.faults.push(`told ${kinds}, and good is ${isGood}`)
    if (new Set(lines.map(({ problem }) => problem)).size !== lines.length)
      this.faults.push('a problem is told twice')
  }

  private changeFiles(event: number): void {
    const some = this.choose(this.pairs.length)
    if (event === 0) this.place('cert', some)
    else if (event === 1) this.place('key', some)
    else if (event === 2 || event === 3) {
      this.place('cert', some)
      this.place('key', some)
    } else if (event === 4 && this.cert !== null) this.place('key', this.cert)
    else if (event === 5) this.half(some)
    else if (event === 6) {
      this.key = null
      rmSync(join(this.folder, 'tls.key'), { force: true })
    } else if (event === 7) {
      this.limit = 1 + this.choose(5)
      this.limits.add(this.limit)
      this.write('config.json', configOf(this.limit))
    } else if (event === 8) {
      this.limit = null
      this.write('config.json', ['{ "streams": [{', '{"sse": {"streamsMx": 1}}'][this.choose(2)])
    }
  }

  private place(part: 'cert' | 'key', number: number): void {
    const pair = this.pairs[number]
    this[part] = number
    if (part === 'cert') this.write('tls.crt', pair?.certificatePem)
    else this.write('tls.key', pair?.keyPem)
  }

  /** A certificate, or the chain behind it, that is not written to its end. */
  private half(number: number): void {
    this.cert = null
    const text = this.pairs[number]?.certificatePem ?? ''
    this.write('tls.crt', this.choose(2) === 0 ? text.slice(0, 300) : text + text.slice(0, 300))
  }

  private async read(env: Record<string, string>): Promise<ServerOptions> {
    this.readings.begun++
    await pause(this.choose(8)) // so that signals come during a reading
    try {
      return await parseEnvironment(env)
    } finally {
      // Between the settings and the certificate, which are read one after the other.
      if (this.isMeddling && this.choose(3) === 0) this.changeFiles(this.choose(5))
    }
  }

  private served(cert: Buffer, key: Buffer): void {
    const number = this.pairs.findIndex(({ certificatePem }) => cert.equals(Buffer.from(certificatePem)))
    const isPair = number >= 0 && key.equals(this.bytes(number, 'keyPem'))
    if (!isPair) this.faults.push('a certificate is served with another key, or it is damaged')
    else if (this.isExpired(number)) this.faults.push('a certificate is served that has expired')
  }

  /** Of each worker that lives: its pair and its limit. */
  private states(): string[] {
    return [...ThreadInProcess.living].map(({ cert, streamsMax }) => {
      const number = this.pairs.findIndex(({ certificatePem }) => cert.equals(Buffer.from(certificatePem)))
      if (!this.limits.has(streamsMax)) this.faults.push(`no file has said ${streamsMax}`)
      return `${number}:${streamsMax}`
    })
  }

  /** All signals were read, all that was read is taken, and all workers listen. */
  private async quiet(): Promise<void> {
    const { readings, taken } = this
    await this.until(
      'a reading',
      () => readings.begun > this.begunAtSignal && taken.length === readings.begun,
    )
    await Promise.all(taken)
    const { living } = ThreadInProcess
    await this.until('all workers', () => [...living].every(({ hasListened }) => hasListened))
    // What a worker is told while it starts is not waited for.
    await Promise.all([...living].map(({ posted }) => posted))
  }

  private async until(words: string, isSo: () => boolean): Promise<void> {
    for (let waited = 0; !isSo(); waited += 2) {
      if (waited > SETTLED_MS) throw new Error(`${words} does not come`)
      await pause(2)
    }
  }

  private isExpired(number: number): boolean {
    return number === this.pairs.length - 1
  }

  private bytes(number: number, part: keyof Pair): Buffer {
    return Buffer.from(this.pairs[number]?.[part] ?? '')
  }

  private write(name: string, text = ''): void {
    writeFileSync(join(this.folder, name), text)
  }
}

/** As the application in several threads, without Kafka and the admin port. */
class AppInProcess implements Reloadable {
  readonly log: Reloadable['log']
  certificate: Certificate
  private readonly pool: WorkerPool
  /** Called between the moment in which workers are told and their answers. */
  private readonly onTold: () => void

  constructor(pool: WorkerPool, certificate: Certificate, told: Told[], onTold: () => void) {
    this.pool = pool
    this.onTold = onTold
    this.certificate = certificate
    this.log = {
      info: (_, words) => told.push({ kind: 'read', problem: words }),
      warn: () => {},
      error: ({ problem }, words) =>
        told.push({ kind: words.startsWith('new settings may') ? 'partly' : 'refused', problem }),
    }
  }

  logFrom(): void {}

  async reload(options: LiveOptions, certificate: Certificate | null): Promise<void> {
    if (certificate !== null) this.certificate = certificate
    const taken = this.pool.reload(options, certificate)
    this.onTold()
    await taken
  }
}

/** No topic is always open, so the pool asks for none. */
function poolParts(): Omit<WorkerPoolParts, 'handed'> {
  return {
    topics: { releaseThread: () => {} } as unknown as WorkerPoolParts['topics'],
    keys: { open: () => {} } as unknown as WorkerPoolParts['keys'],
    center: null,
    descriptors: Array.from({ length: 1000 }, () => []),
    log: { error: () => {}, fatal: () => {}, warn: () => {} },
  }
}

function configOf(streamsMax: number): string {
  const streams = [{ path: '/topics/:topic', topic: '{params.topic}', topics: ['public-a'] }]
  return JSON.stringify({ streams, sse: { streamsMax } })
}
