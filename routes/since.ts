// Reads the moment that `?since=` names: text in, milliseconds out; null for invalid text, which the route answers with
// 400.

/** Longer than any useful date with a fraction. */
const CHARACTERS_MAX = 64

const EPOCH_MS = /^-?\d+$/
const DATE = /^(?<year>\d{4}|[+ -]\d{6})(?<dash>-?)(?<month>\d\d)\k<dash>(?<day>\d\d)$/
const CLOCK = /(?<hour>\d\d)(?<colon>:?)(?<minute>\d\d)(?:\k<colon>(?<second>\d\d)(?:[.,](?<fraction>\d+))?)?/
const ZONE = /(?<zone>[Zz]|[+ -]\d\d(?::?\d\d)?)?/
const TIME = new RegExp(`^${CLOCK.source}${ZONE.source}$`)

const SECOND_MS = 1000
const DAY_MS = 86_400_000

/**
 * Epoch milliseconds of the text; null if it is no moment:
 *
 * - Digits alone, with or without a minus, are epoch milliseconds. `20261125` is early in 1970, and so is a number of
 *   seconds.
 * - ISO 8601, basic or extended: a date (its first moment), or a date and a time. The time has hours and minutes, and
 *   may have seconds with a fraction after a point or a comma. Digits below a millisecond are cut off. Then comes `Z`,
 *   an offset (`+01:00`, `+0100`, `+01`), or nothing, which is UTC. `t` and `z` are allowed (RFC 3339 section 5.6).
 *   24:00 is the day's end. Years are 0000 to 9999, or signed with six digits (`Date.prototype.toISOString`).
 *
 * A space is read as the `+` that a query parser made it of, so none may stand between date and time. A leap second
 * (`23:59:60Z`, no other) is read as the second after it, because POSIX time and Kafka's timestamps have none.
 */
export function parseSince(text: string): number | null {
  if (text.length > CHARACTERS_MAX) return null
  if (EPOCH_MS.test(text)) return momentOrNull(Number(text))
  const [date = '', time = '00:00', ...rest] = text.split(/t/i)
  const day = dateOf(date)
  const parts = TIME.exec(time)?.groups
  return day === null || parts === undefined || rest.length > 0 ? null : momentOf(day, parts)
}

/** In Date.parse's format; null if there is no such day. */
function dateOf(text: string): string | null {
  const parts = DATE.exec(text)?.groups
  if (parts === undefined) return null
  const { year = '', month, day } = parts
  const date = `${year.replace(' ', '+')}-${month}-${day}`
  return isDate(date) ? date : null
}

function momentOf(date: string, parts: Readonly<Record<string, string | undefined>>): number | null {
  const { hour, minute, second = '00', fraction = '', zone } = parts
  const isLeap = second === '60'
  const time = `${hour}:${minute}:${isLeap ? '59' : second}.${fraction.slice(0, 3).padEnd(3, '0')}`
  const momentMs = Date.parse(`${date}T${time}${zoneOf(zone)}`)
  if (!isLeap) return momentOrNull(momentMs)
  const afterMs = momentMs + SECOND_MS
  // A leap second only follows the last second of a UTC day.
  return Math.floor(momentMs / DAY_MS) < Math.floor(afterMs / DAY_MS) ? momentOrNull(afterMs) : null
}

/** `Date.parse` takes the 30th of February for the 2nd of March. */
function isDate(date: string): boolean {
  const startMs = Date.parse(`${date}T00:00:00Z`)
  return !Number.isNaN(startMs) && new Date(startMs).getUTCDate() === Number(date.slice(-2))
}

function zoneOf(zone = 'Z'): string {
  if (zone.toUpperCase() === 'Z') return 'Z'
  const [hours, minutes] = [zone.slice(1, 3), zone.slice(3).replace(':', '') || '00']
  return `${zone.startsWith('-') ? '-' : '+'}${hours}:${minutes}`
}

/** Within what a Date can hold: 100 million days on either side of the epoch (ECMA-262, 21.4.1.1). Never -0. */
function momentOrNull(ms: number): number | null {
  const timeMs = new Date(ms).getTime()
  return Number.isNaN(timeMs) ? null : timeMs
}
