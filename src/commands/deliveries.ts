// What became of the records that a command produced. Keeps those that are under way and the first failure, no more.

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

  /** What is said at the end: where the one record is, or how many there are. */
  async summary(topic: string): Promise<string> {
    await Promise.all(this.open)
    this.throwIfFailed()
    if (this.added !== 1 || this.last === null) return `${this.added} records in ${topic}`
    return `1 record in ${topic}, partition ${this.last.partition}, offset ${this.last.offset}`
  }
}
