// How long tokens may live, which says how long a revocation has to be remembered.

import type { ResolvedOptions } from '../../options.ts'
import type { TokenLifetimes } from '../../token/revocation.ts'

export function tokenLifetimes({ auth }: Pick<ResolvedOptions, 'auth'>): TokenLifetimes {
  return auth.authenticate === undefined ? new Map([[auth.issuer, Number.POSITIVE_INFINITY]]) : null
}
