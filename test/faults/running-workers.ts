// The worker threads of a running server, through Node’s inspector: which connections each has, and the end of one of
// them. The server needs the settings `INSPECTABLE`.

import { once } from 'node:events'
import { WebSocket } from 'undici'
import { vi } from 'vitest'
import type { ServerProcess } from '../support/server-process.ts'

/** At any free port, once it is asked for. */
export const INSPECTABLE = { NODE_OPTIONS: '--inspect-port=0' }
/** Ports of the peers of all connections of a thread. */
const PEERS = 'JSON.stringify(process._getActiveHandles().flatMap(({ remotePort }) => remotePort ?? []))'
const ANSWER_MS = 10_000

interface Answer {
  readonly id?: number
  readonly error?: { readonly message: string }
  readonly result?: { readonly result?: { readonly value?: string } }
  readonly method?: string
  readonly params?: { readonly sessionId: string; readonly message: string }
}

export class RunningWorkers {
  /** Names of those that run, the oldest first. */
  readonly names = new Set<string>()
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #lastId = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => this.#receive(JSON.parse(String(data))))
  }

  static async open(server: ServerProcess): Promise<RunningWorkers> {
    process.kill(server.servingPid, 'SIGUSR1')
    const url = await vi.waitUntil(() => /Debugger listening on (ws:\S+)/.exec(server.output)?.[1], {
      timeout: ANSWER_MS,
    })
    const socket = new WebSocket(url)
    await once(socket, 'open')
    const workers = new RunningWorkers(socket)
    await workers.#ask('NodeWorker.enable', { waitForDebuggerOnStart: false })
    return workers
  }

  /** The worker that serves the connection whose other end is at this port; undefined where none does. */
  async serverOf(port: number): Promise<string | undefined> {
    for (const [name, ports] of await this.connections()) if (ports.includes(port)) return name
    return undefined
  }

  /** By worker, the ports at which the other ends of its connections are. */
  async connections(): Promise<Map<string, readonly number[]>> {
    const ports = new Map<string, readonly number[]>()
    for (const name of this.names) ports.set(name, JSON.parse(await this.#evaluate(name, PEERS)))
    return ports
  }

  /**
   * Ends a worker at once, between two turns of its loop; resolves when it is gone. In the middle of a turn Node 20 may
   * end the whole process: its HTTP/2 trailers do not expect a thread that is being ended.
   */
  async kill(name: string): Promise<void> {
    await this.#evaluate(name, 'void setTimeout(() => process.exit(7))')
    await vi.waitUntil(() => !this.names.has(name), { timeout: ANSWER_MS })
  }

  close(): void {
    this.#socket.close()
  }

  async #evaluate(name: string, expression: string): Promise<string> {
    const { result } = await this.#send('Runtime.evaluate', { expression }, (message) =>
      this.#ask('NodeWorker.sendMessageToWorker', { sessionId: name, message }),
    )
    return result?.result?.value ?? ''
  }

  #ask(method: string, params: object): Promise<Answer> {
    return this.#send(method, params, (message) => this.#socket.send(message))
  }

  async #send(method: string, params: object, post: (message: string) => unknown): Promise<Answer> {
    const id = ++this.#lastId
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve))
    await post(JSON.stringify({ id, method, params }))
    const answer = await answered
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`)
    return answer
  }

  #receive(answer: Answer): void {
    const { id, method, params } = answer
    if (id !== undefined) this.#answered(id, answer)
    else if (params === undefined) return
    else if (method === 'NodeWorker.attachedToWorker') this.names.add(params.sessionId)
    else if (method === 'NodeWorker.detachedFromWorker') this.names.delete(params.sessionId)
    else if (method === 'NodeWorker.receivedMessageFromWorker') this.#receive(JSON.parse(params.message))
  }

  #answered(id: number, answer: Answer): void {
    this.#waiting.get(id)?.(answer)
    this.#waiting.delete(id)
  }
}
