// How often keys that the set lacks may cause a fetch. Promise: at most `FETCHES_MAX` at once and one more for each
// `refillMs`, however many tokens name unknown keys; a name that was just looked for costs nothing. Bounded memory.

/** Fetches that may follow each other at once. A provider that rolls its keys a few times is followed without delay. */
const FETCHES_MAX = 5
/** Names that are remembered. Beyond this the oldest is forgotten, and costs a fetch if it comes again. */
const NAMES_MAX = 1_000
/** Longer names share one place, because tokens choose them: no provider was seen to use more than 100 characters. */
const NAME_LENGTH_MAX = 200

export class FetchBudget {
  private readonly refillMs: number
  /** Until when a name counts as just looked for, the oldest first. */
  private readonly lookedFor = new Map<string, number>()
  private fetches = FETCHES_MAX
  /** Up to when the time is counted in `fetches`. */
  private countedMs: number

  constructor(refillMs: number, nowMs: number) {
    this.refillMs = refillMs
    this.countedMs = nowMs
  }

  /** Whether a fetch may begin now, which is counted. */
  take(nowMs: number): boolean {
    const refilled = Math.floor((nowMs - this.countedMs) / this.refillMs)
    this.countedMs += refilled * this.refillMs
    this.fetches = Math.min(FETCHES_MAX, this.fetches + refilled)
    if (this.fetches === 0) return false
    // A full bucket gains nothing by waiting: its time begins with the fetch that is taken from it.
    if (this.fetches === FETCHES_MAX) this.countedMs = nowMs
    this.fetches--
    return true
  }

  /** A fetch has shown that no key has this name. */
  remember(kid: unknown, nowMs: number): void {
    const name = nameOf(kid)
    this.lookedFor.delete(name)
    this.lookedFor.set(name, nowMs + this.refillMs)
    if (this.lookedFor.size <= NAMES_MAX) return
    for (const oldest of this.lookedFor.keys()) {
      this.lookedFor.delete(oldest)
      break
    }
  }

  wasLookedFor(kid: unknown, nowMs: number): boolean {
    return nowMs < (this.lookedFor.get(nameOf(kid)) ?? Number.NEGATIVE_INFINITY)
  }
}

/** No name of a key begins with a space, so that these two stand for no name and for long ones. */
function nameOf(kid: unknown): string {
  if (typeof kid !== 'string') return ' none'
  return kid.length > NAME_LENGTH_MAX ? ' long' : kid
}
