// The codes of all errors of ours that a host meets, in answers and in what it awaits. docs/protocol.md has those of
// answers, with their status and message.

import type { ConfigError } from '../config/config-error.ts'
import type * as errors from '../errors.ts'
import type { RevocationInvalid } from '../token/revocation.ts'

type Errors = typeof errors

/** Codes of answers, as literals. */
type AnswerCode = {
  [Name in keyof Errors]: Errors[Name] extends new (
    ...parts: never[]
  ) => { code: infer Code extends `FKS_${string}` }
    ? Code
    : never
}[keyof Errors]

/** `error.code` in a host's error handler, and in the body of an answer; and that of what `register` rejects with. */
export type ErrorCode = AnswerCode | ConfigError['code'] | RevocationInvalid['code']
