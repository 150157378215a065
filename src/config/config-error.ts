// The error for an invalid configuration. It has a line for each problem, and none of them quotes a secret.

import { errorCode, errorWords } from '../errors.ts'

/** Longest quotation of a value in a message, in characters. */
const QUOTED_MAX = 60

/** `problems` has a sentence without a full stop for each problem. `message` has the same, a line for each. */
export class ConfigError extends Error {
  readonly code = 'FKS_CONFIG_INVALID'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** A value for a message: shortened, on one line, text in double quotes, without the password of an address. */
export function quoted(value: unknown): string {
  if (typeof value === 'string') {
    const text = withoutPasswords(value)
    return JSON.stringify(text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}…` : text)
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

/** Why a file could not be read, in plain words instead of those of the system call. */
export function fileFailure(error: unknown): string {
  const code = errorCode(error)
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not read it'
  if (code === 'EISDIR') return 'it is a folder'
  return code ?? errorWords(error).split('\n', 1)[0] ?? ''
}
