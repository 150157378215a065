// Deadlines of many streams on one timer: a hashed timing wheel (Varghese and Lauck, 1987). A deadline is met within two
// ticks after it is due, never before; an entry that is due later is passed over once a round.

/** Something that has one deadline at a time. */
export interface Timed {
  /** Epoch ms; Infinity for never. */
  readonly dueAtMs: number
  /** Slot it waits in, -1 when it waits in none: the wheel's own. */
  slot: number
}

const TICK_MS = 50
const SLOTS = 512

export class Wheel<T extends Timed> {
  private readonly slots = Array.from({ length: SLOTS }, () => new Set<T>())
  private readonly onDue: (timed: T) => void
  private readonly now: () => number
  private size = 0
  private ticked: number
  private timer: NodeJS.Timeout | null = null

  /** `onDue` is called once for each entry that is due, which is then in the wheel no more. */
  constructor(onDue: (timed: T) => void, now: () => number = Date.now) {
    this.onDue = onDue
    this.now = now
    this.ticked = this.tickOf(now())
  }

  /** Puts an entry where its deadline belongs, wherever it was before. */
  schedule(timed: T): void {
    this.cancel(timed)
    if (timed.dueAtMs === Number.POSITIVE_INFINITY) return
    if (this.size === 0) this.start()
    timed.slot = Math.max(this.tickOf(timed.dueAtMs) + 1, this.ticked + 1) % SLOTS
    this.slots[timed.slot]?.add(timed)
    this.size++
  }

  cancel(timed: T): void {
    if (timed.slot === -1) return
    this.slots[timed.slot]?.delete(timed)
    timed.slot = -1
    this.size--
    if (this.size === 0) this.stop()
  }

  private start(): void {
    this.ticked = this.tickOf(this.now())
    this.timer = setInterval(() => this.turn(), TICK_MS)
    this.timer.unref()
  }

  private stop(): void {
    if (this.timer !== null) clearInterval(this.timer)
    this.timer = null
  }

  /**
   * Visits every slot since the last turn, each at most once however long the process was held up, and never the one that
   * takes what is scheduled meanwhile. Where the clock was set back it goes on by the new time.
   */
  private turn(): void {
    const nowMs = this.now()
    const tick = this.tickOf(nowMs)
    const from = Math.max(this.ticked + 1, tick - SLOTS + 2)
    this.ticked = tick
    for (let visited = from; visited <= tick; visited++) this.visit(this.slots[visited % SLOTS], nowMs)
  }

  private visit(slot: Set<T> | undefined, nowMs: number): void {
    for (const timed of slot ?? []) {
      if (timed.dueAtMs > nowMs) continue
      this.cancel(timed)
      this.onDue(timed)
    }
  }

  private tickOf(ms: number): number {
    return Math.floor(ms / TICK_MS)
  }
}
