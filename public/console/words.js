// Times in words.

import { count, number } from '../shared/numbers.js'

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
