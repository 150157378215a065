// The client against a server of one function. Time is vitest's; what the client reports is noted.

import { expect, vi } from 'vitest'
import {
  type ConnectOptions,
  connect,
  type EventStream,
  type FetchRequest,
  type FetchResponse,
  type StreamError,
  type StreamEvent,
} from '../../../client/src/index.ts'

/** The random number of the longest waits. */
const LONGEST = 1 - Number.EPSILON
export const STREAM_URL = 'https://example.test/events'

type Answer = (request: FetchRequest) => FetchResponse | Promise<FetchResponse>

export class ClientScene {
  readonly server = new FetchServer()
  readonly events: StreamEvent[] = []
  readonly errors: { error: StreamError; retryInMs: number | null; final: boolean }[] = []
  readonly states: { state: string; reason: string }[] = []
  readonly ends: { reason: string; retryInMs: number }[] = []
  /** How many tokens the client asked for. */
  tokens = 0
  /** What was opened last. */
  stream: EventStream | null = null

  private constructor() {}

  static open(): ClientScene {
    vi.useFakeTimers()
    return new ClientScene()
  }

  /** A client, with options that differ from the scene's own. */
  connect(options: Partial<ConnectOptions> = {}): EventStream {
    this.stream = connect(STREAM_URL, {
      getToken: () => `token-${++this.tokens}`,
      fetch: this.server.fetch,
      random: () => LONGEST,
      onEvent: (event) => {
        this.events.push(event)
      },
      onError: (failure) => this.errors.push(failure),
      onEnd: (end) => this.ends.push(end),
      onState: (change) => this.states.push(change),
      ...options,
    })
    return this.stream
  }

  /** Closes the client, which leaves no timer behind. */
  async close(): Promise<void> {
    this.stream?.close()
    await vi.advanceTimersByTimeAsync(0)
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
  }
}

/** A server as `fetch`. */
export class FetchServer {
  readonly requests: (FetchRequest & { url: string; atMs: number })[] = []
  readonly streams: ReadableStreamDefaultController<Uint8Array>[] = []
  chunksRead = 0
  renewal: Answer = () => status(204)
  /** Answers in turn; the last one answers all that follow. */
  answers: Answer[] = [() => this.stream()]

  readonly fetch = async (url: string, request: FetchRequest): Promise<FetchResponse> => {
    this.requests.push({ ...request, url, atMs: Date.now() })
    if (request.method !== 'GET') return this.renewal(request)
    const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0]
    if (answer === undefined) throw new Error('no answer')
    const response = await answer(request)
    request.signal.addEventListener('abort', () => this.break(response, request.signal.reason))
    return response
  }

  private readonly controllers = new WeakMap<FetchResponse, ReadableStreamDefaultController<Uint8Array>>()

  stream(...parts: string[]): FetchResponse {
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined
    const body = new ReadableStream<Uint8Array>({
      start: (started) => {
        controller = started
      },
      pull: () => {
        this.chunksRead++
      },
    })
    if (controller === undefined) throw new Error('not started')
    for (const part of parts) controller.enqueue(Buffer.from(part))
    this.streams.push(controller)
    const response = { status: 200, headers: new Headers({ 'content-type': 'text/event-stream' }), body }
    this.controllers.set(response, controller)
    return response
  }

  say(text: string): void {
    this.streams.at(-1)?.enqueue(Buffer.from(text))
  }

  end(): void {
    this.streams.at(-1)?.close()
  }

  breakOff(): void {
    this.streams.at(-1)?.error(new Error('reset'))
  }

  gets(): FetchRequest[] {
    return this.requests.filter(({ method }) => method === 'GET')
  }

  posts(): FetchRequest[] {
    return this.requests.filter(({ method }) => method !== 'GET')
  }

  private break(response: FetchResponse, reason: unknown): void {
    try {
      this.controllers.get(response)?.error(reason)
    } catch (error) {
      // A stream that has been closed cannot fail any more.
      if (!(error instanceof TypeError)) throw error
    }
  }
}

/** An answer without a body. */
export function status(code: number, headers: Record<string, string> = {}): FetchResponse {
  return { status: code, headers: new Headers(headers), body: null }
}

/** Never answers; ends with its request. */
export function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}
