// Those who wait for one thing, until it comes; from then on those whose turn is still to come. To wake them costs the same
// however many they are.

import type { Pumped } from './pump.ts'

export class Idle {
  /** Their turn comes: nobody is added any more. */
  isWoken = false
  private members: Pumped[] = []
  /** Where among them the turns begin, and how many had theirs. */
  private first = 0
  private taken = 0

  get isEmpty(): boolean {
    return this.members.length === 0
  }

  add(pumped: Pumped): void {
    pumped.idle = this
    pumped.idleAt = this.members.length
    this.members.push(pumped)
  }

  /** Once woken they keep their places: a turn that comes to nothing costs less than to move the others. */
  leave(pumped: Pumped): void {
    if (this.isWoken) return
    const last = this.members.pop()
    if (last !== undefined && last !== pumped) {
      this.members[pumped.idleAt] = last
      last.idleAt = pumped.idleAt
    }
    pumped.idle = null
  }

  /** `from`: the share of them behind which the turns begin. */
  wake(from: number): void {
    this.isWoken = true
    this.first = Math.floor(from * this.members.length)
  }

  /** The next whose turn comes, who is in no list then. */
  take(): Pumped | undefined {
    const { length } = this.members
    if (this.taken === length) return undefined
    const pumped = this.members[(this.first + this.taken++) % length]
    if (pumped !== undefined) pumped.idle = null
    return pumped
  }
}
