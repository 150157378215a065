// Times in words.

import { duration, number } from '../shared/numbers.js'

/** `atMs` and `nowMs` are both by the server's clock. */
export function ago(atMs, nowMs) {
  const seconds = Math.round((nowMs - atMs) / 1_000)
  return seconds < 1 ? 'now' : `${duration(seconds)} ago`
}

export function clockTime(atMs) {
  return new Date(atMs).toLocaleTimeString('en-GB')
}

/** Milliseconds with as many digits as they can be read by: 0.4, 12, 3,400. */
export function ms(value) {
  return `${number(value >= 10 ? Math.round(value) : Number(value.toFixed(1)))} ms`
}

/** Of something that is counted, in a second, between two events. */
export function perSecond(status, previous, read) {
  if (previous === null || status.atMs <= previous.atMs) return 0
  return (Math.max(0, read(status) - read(previous)) / (status.atMs - previous.atMs)) * 1_000
}
