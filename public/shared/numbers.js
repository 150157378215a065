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

/** A duration by its two largest units: `45 s`, `12 min`, `3 h 20 min`, `2 days 4 h`. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 120) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h ${minutes % 60} min`
  return `${count(Math.floor(hours / 24), 'day')} ${hours % 24} h`
}
