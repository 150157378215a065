// Which reasons of one lasting trouble the log has. Promise: the first at once, each further one once, at most one a
// minute and `FURTHER_MAX` in all. So the log has the reason that readiness shows, and one that comes and goes cannot
// fill it.

/** Least time between two lines. A broker that starts again has several reasons in that time. */
export const FURTHER_MS = 60_000
export const FURTHER_MAX = 5

export class ToldReasons {
  private readonly kinds = new Set<string>()
  private toldMs = 0

  /** Whether the reason is to be logged now. If so, it counts as logged. */
  isNews(words: string, nowMs: number): boolean {
    const kind = kindOf(words)
    const { size } = this.kinds
    if (this.kinds.has(kind) || size > FURTHER_MAX) return false
    if (size > 0 && nowMs - this.toldMs < FURTHER_MS) return false
    this.kinds.add(kind)
    this.toldMs = nowMs
    return true
  }

  /** The trouble is over. */
  forget(): void {
    this.kinds.clear()
  }
}

/**
 * Without addresses, numbers and lists of partitions: the same reason of another broker, after another time, or of more
 * partitions is no other reason. In a time in proportion to the words, which may be a host's own error.
 */
function kindOf(words: string): string {
  return words.replace(/(?<!\S)\S+:\d+\S*/g, '').replace(/partitions?|[\d,\s]/g, '')
}
