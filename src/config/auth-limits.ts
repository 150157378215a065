// The limits of token checking: unit in the name, default and range here, so that the configuration's schema and
// plugins/auth share one table. plugins/auth refuses to start on a value outside its range.

import type { AuthOptions } from '../options.ts'

export interface Limit {
  readonly default: number
  readonly min: number
  readonly max: number
}

/** Limits of the options of the same name. */
export const AUTH_LIMITS = {
  /** Clocks that disagree, for exp and nbf. A stream ends at exp all the same. */
  clockToleranceSeconds: { default: 0, min: 0, max: 300 },
  /** A fetch of the key set, from the connection to the last byte. */
  jwksTimeoutMs: { default: 5_000, min: 10, max: 60_000 },
  /** Least time between two fetches that unknown keys or failures bring about. */
  jwksCooldownMs: { default: 30_000, min: 10, max: 3_600_000 },
  /** A key set older than this is fetched again before it is used. */
  jwksMaxAgeMs: { default: 600_000, min: 10, max: 86_400_000 },
  /** How long beyond that it is still used while fetching fails. */
  jwksStaleMs: { default: 3_600_000, min: 0, max: 604_800_000 },
} as const satisfies Partial<Record<keyof AuthOptions, Limit>>

export type AuthLimitName = keyof typeof AUTH_LIMITS
export type AuthLimits = Readonly<Record<AuthLimitName, number>>

/** Every limit with its default filled in; throws a RangeError that names the option and its range. */
export function authLimits(options: Partial<AuthLimits>): AuthLimits {
  return {
    clockToleranceSeconds: limit('clockToleranceSeconds', options),
    jwksTimeoutMs: limit('jwksTimeoutMs', options),
    jwksCooldownMs: limit('jwksCooldownMs', options),
    jwksMaxAgeMs: limit('jwksMaxAgeMs', options),
    jwksStaleMs: limit('jwksStaleMs', options),
  }
}

function limit(name: AuthLimitName, options: Partial<AuthLimits>): number {
  const { default: fallback, min, max } = AUTH_LIMITS[name]
  const value = options[name] ?? fallback
  if (!Number.isFinite(value) || value < min || value > max) {
    throw new RangeError(`auth.${name} is a number from ${min} to ${max}`)
  }
  return value
}
