// A few numbers said in fewer.

/** @param {number[]} values at least one */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** @param {number[]} values at least one @returns {{ median: number, min: number, max: number }} */
export function summarise(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}
