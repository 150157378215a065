// A worker thread without a thread, for models: the main thread's side of it is the real one. It starts after a while,
// takes settings as src/threads/worker.ts does, and dies when it is told to.

import { EventEmitter } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { Channel } from '../../src/threads/channel.ts'
import type { ToMain, ToWorker, WorkerSetup } from '../../src/threads/messages.ts'

type Handlers = ConstructorParameters<typeof Channel<ToMain, ToWorker>>[1]

export class ThreadInProcess extends EventEmitter {
  static readonly living = new Set<ThreadInProcess>()
  /** How long something takes. */
  static delayMs: () => number = () => 0
  /** Called with each pair that a thread serves. */
  static onServed: (cert: Buffer, key: Buffer) => void = () => {}
  cert = Buffer.alloc(0)
  streamsMax: number
  hasListened = false
  private readonly inner = new EventEmitter()
  /** Settles when all that was posted has come. */
  posted: Promise<unknown> = Promise.resolve()
  private readonly channel: Channel<ToMain, ToWorker>

  constructor(_file: URL, { workerData }: { workerData: WorkerSetup }) {
    super()
    const { handed, tls } = structuredClone(workerData)
    this.streamsMax = handed.options.sse.streamsMax
    this.channel = new Channel<ToMain, ToWorker>({
      on: (event, listener) => this.inner.on(event, listener),
      postMessage: (message) => this.later(this, message),
    })
    ThreadInProcess.living.add(this)
    setTimeout(() => this.start(tls), ThreadInProcess.delayMs())
  }

  postMessage(message: unknown): void {
    this.later(this.inner, message)
  }

  die(): void {
    if (ThreadInProcess.living.delete(this)) this.emit('exit', 1)
  }

  async terminate(): Promise<void> {
    this.die()
  }

  /** In the order in which messages are posted. */
  private later(to: EventEmitter, message: unknown): void {
    const copy = structuredClone(message)
    this.posted = this.posted
      .then(() => pause(ThreadInProcess.delayMs()))
      .then(() => {
        if (ThreadInProcess.living.has(this)) to.emit('message', copy)
      })
  }

  private start(tls: WorkerSetup['tls']): void {
    if (!ThreadInProcess.living.has(this)) return
    this.serve(tls)
    const handlers: Partial<NonNullable<Handlers>> = {
      reload: ({ options, certificate }) => {
        this.serve(certificate)
        this.streamsMax = options.sse.streamsMax
      },
      close: () => {},
    }
    this.channel.handle(handlers as NonNullable<Handlers>) // it is told nothing else
    this.hasListened = true
    this.channel.tell('listening', { port: 1 })
  }

  private serve(tls: WorkerSetup['tls']): void {
    if (tls === null) return
    this.cert = Buffer.from(tls.cert)
    ThreadInProcess.onServed(this.cert, Buffer.from(tls.key))
  }
}
