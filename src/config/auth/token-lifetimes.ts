// How long tokens may live, which says how long a revocation has to be remembered.

import type { ResolvedOptions } from '../../options.ts'
import type { TokenLifetimes } from '../../token/revocation.ts'

export function tokenLifetimes({ auth }: Pick<ResolvedOptions, 'auth'>): TokenLifetimes {
  if (auth.authenticate !== undefined) return lifetimeMsOf(auth.lifetimeSecondsMax ?? null)
  return new Map(
    auth.issuers.map(({ issuer, lifetimeSecondsMax }) => [issuer, lifetimeMsOf(lifetimeSecondsMax)]),
  )
}

function lifetimeMsOf(secondsMax: number | null): number {
  return secondsMax === null ? Number.POSITIVE_INFINITY : secondsMax * 1000
}
