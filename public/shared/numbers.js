// Numbers in words, the same on every machine.

export function number(value) {
  return value.toLocaleString('en')
}

export function count(value, one, many = `${one}s`) {
  return `${number(value)} ${value === 1 ? one : many}`
}

export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const step = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, value)) / 10))
  return `${(value / 1024 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step]}`
}

/** The beginning of a text that is longer than `max` characters, and how long it is. */
export function shortened(text, max) {
  if (text.length <= max) return text
  return `${text.slice(0, max)}… (${count(text.length, 'character')} in all)`
}

/** A rate with as many digits as it can be read by: 0.4, 12, 3,400. */
export function rate(value) {
  return number(value === 0 || value >= 10 ? Math.round(value) : Number(value.toFixed(1)))
}
