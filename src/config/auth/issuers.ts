// The issuers of a configuration: those that it lists, or the one that its options and variables name, with all
// defaults. Both ways lead to the same list, and nothing behind it knows which was taken.

import type { AuthOptions, IssuerOptions, ResolvedIssuer } from '../../options.ts'
import { parseClaimName } from '../../token/claim-path.ts'
import type { TokenRules } from '../../token/token-rules.ts'
import { dotted } from '../document.ts'
import { withDefaults } from '../setting.ts'
import type { SettingPlace } from '../validation.ts'
import { ISSUER_SETTINGS } from './issuer-settings.ts'

/** Options of tokens as they are written, or with issuers that have their defaults already. */
export interface GivenAuth extends Omit<AuthOptions, 'issuers'> {
  readonly issuers?: (IssuerOptions & Partial<ResolvedIssuer>)[]
}

/** With all defaults. The default of `keys` is the issuer's discovery document. `nameOf`: as in `resolveOptions`. */
export function issuersOf(
  auth: GivenAuth,
  nameOf: (place: SettingPlace) => string = dotted,
): ResolvedIssuer[] {
  const given = auth.issuers ?? [singleIssuer(auth)]
  return given.map((issuer: IssuerOptions & Partial<ResolvedIssuer>, at) => {
    const { audiences = [], clients = [], keys = discoveryDocument(issuer.issuer) } = issuer
    const group = auth.issuers === undefined ? ['auth'] : ['auth', 'issuers', `${at}`]
    const { isIatRequired = false, issuerSetting = nameOf([...group, 'issuer']) } = issuer
    const filled = withDefaults(issuer, ISSUER_SETTINGS, [
      'typ',
      'scopeClaims',
      'require',
      'lifetimeSecondsMax',
    ])
    return { ...filled, audiences, clients, keys, isIatRequired, issuerSetting }
  })
}

/** What a token of this issuer must say. Throws a SyntaxError for a claim that cannot be read. */
export function rulesOf(issuer: ResolvedIssuer, clockToleranceSeconds: number): TokenRules {
  return {
    issuer: issuer.issuer,
    audiences: new Set(issuer.audiences),
    clients: new Set(issuer.clients),
    typ: issuer.typ,
    required: Object.entries(issuer.require).map(([name, value]) => ({
      claim: parseClaimName(name),
      value: String(value),
    })),
    scopeClaims: issuer.scopeClaims.map(parseClaimName),
    lifetimeMsMax: issuer.lifetimeSecondsMax === null ? null : issuer.lifetimeSecondsMax * 1000,
    isIatRequired: issuer.isIatRequired,
    toleranceMs: clockToleranceSeconds * 1000,
  }
}

/** OpenID Connect Discovery 1.0 section 4: a slash at the issuer's end is removed first. */
function discoveryDocument(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}

function singleIssuer(auth: GivenAuth): IssuerOptions {
  const { issuer = '', audience, clients, keys, typ, scopeClaim, require, lifetimeSecondsMax } = auth
  return {
    issuer,
    ...(audience !== undefined && { audiences: listed(audience) }),
    ...(clients !== undefined && { clients }),
    ...(keys !== undefined && { keys }),
    ...(typ !== undefined && { typ }),
    ...(scopeClaim !== undefined && { scopeClaims: listed(scopeClaim) }),
    ...(require !== undefined && { require }),
    ...(lifetimeSecondsMax !== undefined && { lifetimeSecondsMax }),
  }
}

function listed(texts: string | string[]): string[] {
  return typeof texts === 'string' ? [texts] : texts
}
