// A histogram as plain numbers, which threads send each other and add up. plugins/admin shows it as a metric. The
// bounds of its buckets are a list of their own, so that a report of a thread does not repeat them.

export interface Histogram {
  /** How many values are in each bucket: one for each bound, and a last one for all that is greater. */
  readonly counts: number[]
  sum: number
}

/** `bounds`: the greatest value of each bucket, in ascending order. */
export function createHistogram(bounds: readonly number[]): Histogram {
  return { counts: [...bounds.map(() => 0), 0], sum: 0 }
}

/** Counts a value. A negative one, as of two clocks that differ, counts as 0. */
export function observe(histogram: Histogram, bounds: readonly number[], value: number): void {
  const counted = Math.max(0, value)
  let bucket = 0
  while (bucket < bounds.length && counted > (bounds[bucket] ?? 0)) bucket++
  histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1
  histogram.sum += counted
}

/**
 * The value that a share of all values does not exceed, as if those of a bucket were spread evenly between its bounds.
 * null without any value; the last bound for values beyond it.
 */
export function quantile(counts: readonly number[], bounds: readonly number[], share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0)
  let before = 0
  for (const [bucket, upper] of bounds.entries()) {
    const count = counts[bucket] ?? 0
    if (count > 0 && before + count >= total * share) {
      const lower = bounds[bucket - 1] ?? 0
      return lower + ((upper - lower) * (total * share - before)) / count
    }
    before += count
  }
  return total === 0 ? null : (bounds.at(-1) ?? null)
}
