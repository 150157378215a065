// First in, first out, without moving the rest at each take.

export class Queue<T> {
  private items: T[] = []
  private taken = 0

  get length(): number {
    return this.items.length - this.taken
  }

  push(item: T): void {
    this.items.push(item)
  }

  /** The oldest item, or undefined when there is none. */
  take(): T | undefined {
    const item = this.items[this.taken]
    if (this.taken < this.items.length) this.taken++
    // Let go of what was taken once it is half of what is held, and worth it: each item is moved once on the average.
    if (this.taken === this.items.length || (this.taken >= 1024 && this.taken * 2 >= this.items.length)) {
      this.items = this.items.slice(this.taken)
      this.taken = 0
    }
    return item
  }
}
