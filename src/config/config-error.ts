// What is wrong with a configuration, said all at once: a line for each problem, none of which quotes a secret.

import { errorCode, errorWords } from '../errors.ts'

/** Characters of a value that a message quotes. */
const QUOTED_MAX = 60

/** `problems` are whole sentences without a full stop; `message` has them line by line. */
export class ConfigError extends Error {
  readonly code = 'FKS_CONFIG_INVALID'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** A value as a message shows it: short, on one line, unmistakably a quotation. */
export function quoted(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > QUOTED_MAX ? `${value.slice(0, QUOTED_MAX)}…` : value)
  }
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

/** Why a file could not be read, in a few words instead of the system call's. */
export function fileFailure(error: unknown): string {
  const code = errorCode(error)
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not read it'
  if (code === 'EISDIR') return 'it is a folder'
  return code ?? errorWords(error).split('\n', 1)[0] ?? ''
}
