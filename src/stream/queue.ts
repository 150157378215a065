// A first-in, first-out queue. A take costs constant time on average: it does not move the other items.

export class Queue<T> {
  private items: T[] = []
  private taken = 0

  get length(): number {
    return this.items.length - this.taken
  }

  push(item: T): void {
    this.items.push(item)
  }

  /** Removes the oldest item and returns it; undefined if there is none. */
  take(): T | undefined {
    const item = this.items[this.taken]
    if (this.taken < this.items.length) this.taken++
    // Drops taken items once they are half of the array, and at least 1024: each item is moved once on average.
    if (this.taken === this.items.length || (this.taken >= 1024 && this.taken * 2 >= this.items.length)) {
      this.items = this.items.slice(this.taken)
      this.taken = 0
    }
    return item
  }
}
