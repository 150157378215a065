// The error for an invalid configuration. It has a line for each problem. None of them quotes a secret, or has a
// character that a terminal obeys.

import { errorCode, errorWords } from '../errors.ts'
import { printable } from '../text/printable.ts'

/** `problems` has a sentence without a full stop for each problem. `message` has the same, a line for each. */
export class ConfigError extends Error {
  readonly code = 'FKS_CONFIG_INVALID'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    const words = problems.map(printable)
    super(words.join('\n'))
    this.name = 'ConfigError'
    this.problems = words
  }
}

/** Why a file could not be read, in plain words instead of those of the system call. */
export function fileFailure(error: unknown): string {
  const code = errorCode(error)
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not read it'
  if (code === 'EISDIR') return 'it is a folder'
  return code ?? errorWords(error).split('\n', 1)[0] ?? ''
}
