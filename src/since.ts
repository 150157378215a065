// The moment that `?since=` names.

const EPOCH_MS = /^-?\d{1,16}$/
const ISO_8601 = /^(\d{4}-\d{2}-\d{2})(?:[Tt](\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)([Zz]|[+ -]\d{2}:?\d{2})?)?$/

/** Epoch ms of an ISO 8601 date or date-time (UTC where it names no zone) or of epoch ms; null for anything else. */
export function parseSince(text: string): number | null {
  if (EPOCH_MS.test(text)) return Number(text)
  const [, day, time = '00:00', zone = 'Z'] = ISO_8601.exec(text) ?? []
  if (day === undefined) return null
  const ms = Date.parse(`${day}T${time.replace(',', '.')}${zone.replace(' ', '+').toUpperCase()}`)
  return Number.isNaN(ms) ? null : ms
}
