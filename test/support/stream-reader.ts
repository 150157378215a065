// Reads event streams in tests with a parser that is not ours (eventsource-parser), comments included.

import { createParser } from 'eventsource-parser'

export interface ReadEvent {
  readonly id: string | undefined
  readonly event: string | undefined
  readonly data: string
}

export class StreamReader {
  readonly events: ReadEvent[] = []
  readonly comments: string[] = []
  retryMs: number | undefined
  lastId = ''
  private readonly decoder = new TextDecoder()
  private readonly parser = createParser({
    onEvent: ({ id, event, data }) => {
      this.events.push({ id, event, data })
    },
    onComment: (comment) => this.comments.push(comment),
    onRetry: (retryMs) => {
      this.retryMs = retryMs
    },
    maxBufferSize: Number.POSITIVE_INFINITY,
  })

  feed(bytes: Uint8Array): void {
    this.parser.feed(this.decoder.decode(bytes, { stream: true }))
    this.lastId = this.events.at(-1)?.id ?? this.lastId
  }

  /** Data of the plain records. */
  get records(): string[] {
    return this.events.filter(({ event }) => event === undefined).map(({ data }) => data)
  }
}
