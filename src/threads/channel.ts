// Messages between two threads: `tell` sends one, `ask` also gets an answer. A contract lists their types by name.
// Promise: closing the channel rejects all open questions.

import { errorWords } from '../errors.ts'

/** By name: the type of the body, and that of the answer. `tell` ignores the answer. */
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
  /** The name in the contract; none in an answer. */
  readonly name?: string
  /** Number of the question; its answer has the same. */
  readonly id?: number
  readonly body?: unknown
  /** The error's words, if the answer is an error. */
  readonly problem?: string
}

interface Question {
  readonly name: string
  readonly id: number
  readonly body: unknown
}

/** The other thread has ended, or this one has closed the channel: no answer will come. */
export class ChannelClosed extends Error {}

interface Asked {
  resolve(answer: unknown): void
  reject(error: Error): void
}

export class Channel<Out extends Contract, In extends Contract> {
  private readonly port: Port
  private handlers: Handlers<In> | null
  /** Messages from before there were handlers, in order. The other side must send only a few. */
  private readonly early: Message[] = []
  private readonly asked = new Map<number, Asked>()
  private lastId = 0
  private isClosed = false

  /** Without `handlers`, messages wait for `handle`. Answers are received from the start. */
  constructor(port: Port, handlers: Handlers<In> | null = null) {
    this.port = port
    this.handlers = handlers
    port.on('message', (message) => this.receive(message))
  }

  /** Handles the messages that wait, and all further ones. */
  handle(handlers: Handlers<In>): void {
    this.handlers = handlers
    for (const message of this.early.splice(0)) this.receive(message)
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

  /** Rejects every question that is still open. */
  close(): void {
    this.isClosed = true
    for (const { reject } of this.asked.values()) reject(new ChannelClosed())
    this.asked.clear()
  }

  private receive(message: Message): void {
    const { name, id, body, problem } = message
    const { handlers } = this
    if (name === undefined) this.answered(id ?? 0, body, problem)
    else if (handlers === null) this.early.push(message)
    else if (id === undefined) void handlers[name]?.(body)
    else void this.answer(handlers, { name, id, body })
  }

  private answered(id: number, body: unknown, problem: string | undefined): void {
    const asked = this.asked.get(id)
    this.asked.delete(id)
    if (problem === undefined) asked?.resolve(body)
    else asked?.reject(new Error(problem))
  }

  private async answer(handlers: Handlers<In>, { name, id, body }: Question): Promise<void> {
    try {
      this.port.postMessage({ id, body: await handlers[name]?.(body) })
    } catch (error) {
      this.port.postMessage({ id, problem: errorWords(error) })
    }
  }
}
