// Checks the keys of each issuer: fetched or read as the server does it, with their names and algorithms. Promise: no
// key and no setting that may be one is told.

import type { FastifyBaseLogger } from 'fastify'
import { openKeySource } from '../../plugins/auth/keys/open-keys.ts'
import { RemoteKeys } from '../../plugins/auth/keys/remote-keys.ts'
import { replaceableKeys, type TrustedIssuer } from '../../plugins/auth/trusted-issuers.ts'
import { rulesOf } from '../config/auth/issuers.ts'
import { AUTH_LIMITS, AUTH_SETTINGS } from '../config/auth-settings.ts'
import { numbersInRange, withDefaults } from '../config/setting.ts'
import { errorWords } from '../errors.ts'
import type { ResolvedAuth, ResolvedIssuer } from '../options.ts'
import { quoted } from '../text/quoted.ts'
import { isAlgorithm, keySetting } from '../token/key-setting.ts'
import type { CheckReport } from './check-report.ts'

const CHECK = 'keys'
const WHERE_KEYS = "see JWT_KEYS, or auth.issuers[].keys: the URL, a file or PEM of the issuer's public keys"
/** Keys that one line names. */
const NAMED_MAX = 10

/** An issuer whose keys were read, for the check of a token. */
export interface CheckedIssuer extends TrustedIssuer {
  readonly keyNames: string
}

/** The issuers whose keys could be read. The caller closes their keys. */
export async function checkKeys(
  report: CheckReport,
  auth: ResolvedAuth,
  log: FastifyBaseLogger,
): Promise<CheckedIssuer[]> {
  if (auth.authenticate !== undefined) {
    report.ok(CHECK, 'none: auth.authenticate of CONFIG_FILE says who asks')
    return []
  }
  const opened = await Promise.all(auth.issuers.map((issuer) => readKeys(report, auth, issuer, log)))
  return opened.filter((issuer) => issuer !== null)
}

async function readKeys(
  report: CheckReport,
  auth: ResolvedAuth,
  issuer: ResolvedIssuer,
  log: FastifyBaseLogger,
): Promise<CheckedIssuer | null> {
  const limits = numbersInRange('auth', auth, AUTH_SETTINGS, AUTH_LIMITS)
  const { algorithm } = withDefaults(auth, AUTH_SETTINGS, ['algorithm'])
  if (!isAlgorithm(algorithm)) throw new Error('the schema has let an algorithm pass that there is not')
  const where = sourceOf(issuer.keys)
  if (replaceableKeys(issuer) !== null)
    report.warn(
      CHECK,
      `${where} is fetched without TLS, so that anyone on the way can replace keys`,
      'use https://',
    )
  try {
    const { issuer: name, issuerSetting, keys } = issuer
    const source = openKeySource(
      { ...limits, issuer: name, issuerSetting, keys, rsaAlgorithm: algorithm },
      log,
    )
    if (source instanceof RemoteKeys) await source.firstMistake(limits.jwksTimeoutMs)
    const { set, trouble } = source.state
    if (set === null || set.keys.length === 0) {
      source.close()
      report.fail(CHECK, `of ${quoted(name)}: ${trouble ?? `${where} has no keys`}`, WHERE_KEYS)
      return null
    }
    const named = set.keys.map(
      ({ kid, algorithm }) => `${kid === null ? 'no kid' : quoted(kid)} ${algorithm}`,
    )
    const more = named.length > NAMED_MAX ? ` and ${named.length - NAMED_MAX} more` : ''
    const keyNames = `${named.slice(0, NAMED_MAX).join(', ')}${more}`
    for (const reason of set.passedOver) report.warn(CHECK, `of ${quoted(name)}: not used: ${reason}`)
    report.ok(CHECK, `of ${quoted(name)}, from ${where}: ${keyNames}`)
    return { rules: rulesOf(issuer, limits.clockToleranceSeconds), keys: source, keyNames }
  } catch (error) {
    report.fail(CHECK, `of ${quoted(issuer.issuer)}: ${errorWords(error)}`)
    return null
  }
}

/** Without the query, which may hold a credential. */
function sourceOf(keys: string): string {
  const setting = keySetting(keys)
  if (setting.kind === 'url') return setting.url.origin + setting.url.pathname
  return setting.kind === 'file' ? setting.path : 'the settings'
}
