// A client of ours through the load balancer, on a topic of numbered records whose values are `partition:number`. It
// counts as it reads.

import { connect, type Fetch } from '../../client/src/index.ts'
import { Ledger } from './ledger.ts'

export interface FleetClientOptions {
  readonly url: string
  readonly partitions: number
  readonly token: () => string
  /** Default: the global one. */
  readonly fetch?: Fetch
}

/** A client that goes wrong would otherwise keep a text for each record. */
const TOLD_MAX = 20

export class FleetClient {
  readonly ledger: Ledger
  /** What came and was no record that was due, in words. */
  readonly surprises: string[] = []
  readonly ends: string[] = []
  readonly failures: string[] = []
  /** When each connection was open, by performance.now. */
  readonly openedAtMs: number[] = []
  renewed = 0
  /** Longest time without an event. */
  longestSilenceMs = 0
  private lastEventAtMs: number | null = null
  private readonly stream: ReturnType<typeof connect>

  constructor({ url, partitions, token, fetch }: FleetClientOptions) {
    this.ledger = new Ledger(partitions)
    this.stream = connect(url, {
      getToken: token,
      onEvent: ({ type, data }) => this.take(type, data),
      onOpen: () => {
        this.openedAtMs.push(performance.now())
      },
      onRenewed: () => {
        this.renewed++
      },
      onEnd: ({ reason }) => this.ends.push(reason),
      onError: ({ error }) => this.failures.push(`${error.code} ${error.message}`),
      ...(fetch && { fetch }),
    })
  }

  get opened(): number {
    return this.openedAtMs.length
  }

  /** From now on, for what is measured after a start. */
  forgetSilence(): void {
    this.longestSilenceMs = 0
  }

  close(): void {
    this.stream.close()
  }

  private take(type: string, data: string): void {
    const nowMs = performance.now()
    this.longestSilenceMs = Math.max(this.longestSilenceMs, nowMs - (this.lastEventAtMs ?? nowMs))
    this.lastEventAtMs = nowMs
    if (type === 'ready') return
    const [partition, number] = type === 'message' ? data.split(':').map(Number) : []
    const surprise =
      partition === undefined || number === undefined
        ? `${type} ${data}`
        : this.ledger.take(partition, number)
    if (surprise !== null && this.surprises.length < TOLD_MAX) this.surprises.push(surprise)
  }
}
