// Two threads that tell and ask each other things. What may be said is a contract: by name, the body and the answer.

/** By name: what is sent, and what comes back; nobody waits for the answer to what is told. */
export type Contract = Record<string, { body: unknown; answer: unknown }>

type Handlers<C extends Contract> = {
  [Name in keyof C]: (body: C[Name]['body']) => C[Name]['answer'] | Promise<C[Name]['answer']>
}

/** A Worker, or a worker's parentPort. */
export interface Port {
  postMessage(message: unknown): void
  on(event: 'message', listener: (message: Message) => void): unknown
}

interface Message {
  /** What is said; none in an answer. */
  readonly name?: string
  /** Number of a question, and of its answer. */
  readonly id?: number
  readonly body?: unknown
  /** An answer that is an error, in words. */
  readonly problem?: string
}

/** The other thread has ended, or this one has stopped to listen: nobody answers any more. */
export class ChannelClosed extends Error {}

interface Asked {
  resolve(answer: unknown): void
  reject(error: Error): void
}

export class Channel<Out extends Contract, In extends Contract> {
  private readonly port: Port
  private readonly handlers: Handlers<In>
  private readonly asked = new Map<number, Asked>()
  private lastId = 0
  private isClosed = false

  constructor(port: Port, handlers: Handlers<In>) {
    this.port = port
    this.handlers = handlers
    port.on('message', (message) => this.receive(message))
  }

  tell<Name extends keyof Out & string>(name: Name, body: Out[Name]['body']): void {
    if (!this.isClosed) this.port.postMessage({ name, body })
  }

  /** Rejects with the other side's error in words, or with ChannelClosed. */
  ask<Name extends keyof Out & string>(name: Name, body: Out[Name]['body']): Promise<Out[Name]['answer']> {
    if (this.isClosed) return Promise.reject(new ChannelClosed())
    const id = ++this.lastId
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject })
      this.port.postMessage({ name, id, body })
    })
  }

  /** Whoever still waits for an answer gets none. */
  close(): void {
    this.isClosed = true
    for (const { reject } of this.asked.values()) reject(new ChannelClosed())
    this.asked.clear()
  }

  private receive({ name, id, body, problem }: Message): void {
    if (name === undefined) this.answered(id ?? 0, body, problem)
    else if (id === undefined) void this.handlers[name]?.(body)
    else void this.answer(name, id, body)
  }

  private answered(id: number, body: unknown, problem: string | undefined): void {
    const asked = this.asked.get(id)
    this.asked.delete(id)
    if (problem === undefined) asked?.resolve(body)
    else asked?.reject(new Error(problem))
  }

  private async answer(name: string, id: number, body: unknown): Promise<void> {
    try {
      this.port.postMessage({ id, body: await this.handlers[name]?.(body) })
    } catch (error) {
      this.port.postMessage({ id, problem: String(error instanceof Error ? error.message : error) })
    }
  }
}
