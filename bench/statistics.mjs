// A few numbers said in fewer.

/** @param {number[]} values at least one */
export function median(values) {
  return middleOf(values.toSorted((a, b) => a - b))
}

/** @param {number[]} values at least one @returns {{ median: number, min: number, max: number }} */
export function summarise(values) {
  const sorted = values.toSorted((a, b) => a - b)
  return { median: middleOf(sorted), min: sorted[0], max: sorted.at(-1) }
}

function middleOf(sorted) {
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
