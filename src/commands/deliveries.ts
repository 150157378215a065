// Tracks the deliveries of produced records. Keeps only those in flight and the first failure.

import type { Delivery } from '../../plugins/kafka/client/producer.ts'

export class Deliveries {
  private added = 0
  private failure: Error | null = null
  private last: Delivery | null = null
  private readonly open = new Set<Promise<void>>()

  add(delivered: Promise<Delivery>): void {
    this.added++
    const settled = delivered
      .then(
        (delivery) => {
          this.last = delivery
        },
        (error: Error) => {
          this.failure ??= error
        },
      )
      .finally(() => this.open.delete(settled))
    this.open.add(settled)
  }

  throwIfFailed(): void {
    if (this.failure !== null) throw this.failure
  }

  /**
   * Waits for all deliveries; rejects if one failed. Returns the line to print: where the only record is, or how many
   * records there are.
   */
  async summary(topic: string): Promise<string> {
    await Promise.all(this.open)
    this.throwIfFailed()
    if (this.added !== 1 || this.last === null) return `${this.added} records in ${topic}`
    return `1 record in ${topic}, partition ${this.last.partition}, offset ${this.last.offset}`
  }
}
