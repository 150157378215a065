// Summaries of a few numbers.

/** @param {number[]} values at least one */
export function median(values) {
  return middleOf(values.toSorted((a, b) => a - b))
}

/** @param {number[]} values at least one @returns {{ median: number, min: number, max: number }} */
export function summarise(values) {
  const sorted = values.toSorted((a, b) => a - b)
  return { median: middleOf(sorted), min: sorted[0], max: sorted.at(-1) }
}

/** @param {number[]} values at least one @returns {{ p50: number, p99: number, max: number }} */
export function quantiles(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share) => sorted[Math.ceil(share * sorted.length) - 1]
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

function middleOf(sorted) {
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
