// A length of time in words, for an operator: exact where it is short.

const UNITS = [
  [86_400, 'days'],
  [3_600, 'h'],
  [60, 'min'],
] as const

/** Such as `12 s`, `5 min` or `40 days`; from a minute on rounded down. */
export function lasting(ms: number): string {
  const seconds = ms / 1000
  const [length, unit] = UNITS.find(([length]) => seconds >= 2 * length) ?? [1, 's']
  return `${unit === 's' ? Math.ceil(seconds) : Math.floor(seconds / length)} ${unit}`
}

/** The same with the seconds, where these are not what it says. */
export function exactly(ms: number): string {
  const words = lasting(ms)
  return words.endsWith(' s') ? words : `${words} (${Math.round(ms / 1000)} s)`
}
