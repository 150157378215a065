// Whether the servers of a control topic have one of our secrets: by their heartbeats, for a command that writes to
// them. Promise: one verified heartbeat is enough, and it counts from when it was made, which its mac covers: a writer
// that only copies one, with another time of Kafka's, cannot make a secret look like one that servers still have.

import type { KafkaRecord } from '../bus/record.ts'
import { ControlKeys } from './control-keys.ts'
import { decodeRecord, MAC_HEADER, macIn, passingOp, VALUE_BYTES_MAX } from './control-record.ts'

interface Secret {
  readonly secret: Uint8Array
  readonly keys: ControlKeys
}

export class HeardSecrets {
  private readonly topic: string
  private readonly sinceMs: number
  private readonly secrets: readonly Secret[]
  private newest: { readonly secret: Uint8Array; readonly atMs: number } | null = null
  private hasForeign = false

  /** `sinceMs`: heartbeats from before then may be of servers that are gone. Epoch ms. */
  constructor(topic: string, secrets: readonly Uint8Array[], sinceMs: number) {
    this.topic = topic
    this.secrets = secrets.map((secret) => ({ secret, keys: new ControlKeys([secret]) }))
    this.sinceMs = sinceMs
  }

  /** A record of the topic, of any writer. */
  note({ key, value, headers, timestampMs }: KafkaRecord): void {
    if (value === null || value.length > VALUE_BYTES_MAX || passingOp(value) !== 'alive') return
    const mac = macIn(headers.find(({ name }) => name === MAC_HEADER)?.value ?? new Uint8Array())
    for (const { secret, keys } of this.secrets) {
      const heard = decodeRecord({ key, value, mac }, this.topic, keys)
      if (heard === 'mac') continue
      if (typeof heard !== 'string') this.noteOwn(secret, heard.atMs)
      return
    }
    if (timestampMs >= this.sinceMs) this.hasForeign = true
  }

  private noteOwn(secret: Uint8Array, atMs: number): void {
    if (atMs >= Math.max(this.sinceMs, this.newest?.atMs ?? 0)) this.newest = { secret, atMs }
  }

  /**
   * The secret of the newest heartbeat, which its server reads; `foreign` if there are only heartbeats of other
   * secrets, null if there is none.
   */
  get found(): Uint8Array | 'foreign' | null {
    return this.newest?.secret ?? (this.hasForeign ? 'foreign' : null)
  }
}
