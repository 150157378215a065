// The kinds of refusals, each with 0. Promise: all that the code can count are there, because Prometheus sees no
// increase of a series that was not there before.

import * as errors from '../../src/errors.ts'
import { REFUSED_CHECKS } from '../../src/token/refused-check.ts'

type Counts = Readonly<Record<string, number>>

/** Those that are no answer to a request for a stream, a ticket or a logout. */
const ELSEWHERE: ReadonlySet<unknown> = new Set([errors.HostUnknown, errors.NotFound])

/** By the code of the answer. `other`: an error that is not ours. */
export const NO_REFUSALS: Counts = zeros([...Object.values(errors).flatMap(codeOf), 'other'])
/** By the check that failed. */
export const NO_REFUSED_CHECKS: Counts = zeros(REFUSED_CHECKS)

function codeOf(exported: (typeof errors)[keyof typeof errors]): string[] {
  const isError = exported.prototype instanceof Error && !ELSEWHERE.has(exported)
  return isError ? [new (exported as new () => { readonly code: string })().code] : []
}

function zeros(names: readonly string[]): Counts {
  return Object.fromEntries(names.map((name) => [name, 0]))
}
