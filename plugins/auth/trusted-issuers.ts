// The issuers whose tokens are accepted: the rules of each, and a source of its keys. Promise: no error quotes a
// setting that may be a secret.

import type { FastifyBaseLogger } from 'fastify'
import { authFaults } from '../../src/config/auth/issuer-faults.ts'
import { type GivenAuth, issuersOf, rulesOf } from '../../src/config/auth/issuers.ts'
import type { IssuerOptions, ResolvedIssuer } from '../../src/options.ts'
import { type Algorithm, keySetting } from '../../src/token/key-setting.ts'
import type { TokenRules } from '../../src/token/token-rules.ts'
import type { KeySource } from './keys/key-source.ts'
import type { OpenKeys } from './keys/open-keys.ts'
import type { RemoteKeyLimits } from './keys/remote-keys.ts'

/** An issuer whose tokens are accepted, and the only keys that may have signed them. */
export interface TrustedIssuer {
  readonly rules: TokenRules
  readonly keys: KeySource
}

/** What is the same for all issuers. */
export interface IssuerSurroundings extends RemoteKeyLimits {
  readonly clockToleranceSeconds: number
  /** `alg` of RSA keys that name none. */
  readonly rsaAlgorithm: Algorithm
  readonly openKeys: OpenKeys
  readonly log: FastifyBaseLogger
}

/**
 * Rejects with one line if an issuer cannot be told, or if its keys cannot be read. A URL is fetched later. Opens all
 * at once: each provider that does not answer is waited for, and Fastify waits 10 s at most for a plugin.
 */
export async function openIssuers(options: GivenAuth, around: IssuerSurroundings): Promise<TrustedIssuer[]> {
  refuseFaults(options)
  const settled = await Promise.allSettled(issuersOf(options).map((issuer) => openIssuer(issuer, around)))
  const opened = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const failed = settled.find((each) => each.status === 'rejected')
  if (failed === undefined) return opened
  closeIssuers(opened)
  throw failed.reason
}

/** The plugin may be registered by itself, with options that were not checked before. */
function refuseFaults(options: GivenAuth): void {
  const [fault] = authFaults({ auth: options })
  if (fault !== undefined) throw new Error(`${fault.place.join('.')} ${fault.words}`)
  for (const name of ['issuer', 'audience', 'clients'] as const) {
    if ([options[name]].flat().includes('')) throw new Error(`auth.${name} must not be empty`)
  }
}

export function closeIssuers(issuers: readonly TrustedIssuer[]): void {
  for (const { keys } of issuers) keys.close()
}

/**
 * Why tokens of an issuer cannot be verified, for an operator; null if those of all can. Another replica may have the
 * keys, so that a load balancer sends no user of this issuer here.
 */
export function keysTrouble(issuers: readonly TrustedIssuer[]): string | null {
  return issuers.map(({ keys }) => keys.notReady()).find((reason) => reason !== null) ?? null
}

async function openIssuer(
  issuer: ResolvedIssuer,
  { clockToleranceSeconds, openKeys, log, ...limits }: IssuerSurroundings,
): Promise<TrustedIssuer> {
  const rules = rulesOf(issuer, clockToleranceSeconds)
  warnOfPlainKeys(issuer, log)
  const { issuer: name, issuerSetting, keys } = issuer
  return { rules, keys: await openKeys({ ...limits, issuer: name, issuerSetting, keys }, log) }
}

const THIS_MACHINE = /^(localhost|127(\.\d+){3}|\[::1\])$/

function warnOfPlainKeys(issuer: Required<IssuerOptions>, log: FastifyBaseLogger): void {
  const url = replaceableKeys(issuer)
  if (url !== null)
    log.warn(
      { url },
      'keys are fetched without TLS, so that anyone on the way can replace them: use https://',
    )
}

/**
 * The address, without its query, of keys that anyone on the way can replace, and that therefore protect nothing; null
 * if there is none. There is no way to another process of this machine.
 */
export function replaceableKeys({ issuer, keys }: Required<IssuerOptions>): string | null {
  const setting = keySetting(keys)
  if (setting.kind !== 'url' || setting.url.protocol === 'https:') return null
  if (!issuer.startsWith('https:') || THIS_MACHINE.test(setting.url.hostname)) return null
  return setting.url.origin + setting.url.pathname
}
