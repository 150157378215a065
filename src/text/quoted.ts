// Values of others in a message of ours.

import { printable } from './printable.ts'

/** Longest quotation of a value in a message, in characters. */
const QUOTED_MAX = 60

/**
 * A value for a message: shortened, on one line, text in double quotes, without the password of an address. Nothing in
 * it acts on a terminal or looks like other words of the message.
 */
export function quoted(value: unknown): string {
  if (typeof value === 'string') {
    const text = withoutPasswords(value)
    return printable(JSON.stringify(text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}…` : text))
  }
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

/** `kafka://user:password@host` is how other programs take it, and may be written where it means nothing. */
function withoutPasswords(text: string): string {
  return text
    .split(/([\s,])/)
    .map(withoutPassword)
    .join('')
}

function withoutPassword(word: string): string {
  const colon = word.indexOf(':')
  const at = word.lastIndexOf('@')
  return colon < 0 || at < colon ? word : `…${word.slice(at)}`
}
