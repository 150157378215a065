// Checks a token as the server would: which check refuses it, by how many seconds a time is off, and which streams it
// does not open. The server's own verifier decides. Promise: tells of the token its issuer, audience, times, key's name
// and scopes, and nothing else.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { registerJwt, TokenRefused } from '../../plugins/auth/token-verifier.ts'
import { errorWords } from '../errors.ts'
import type { ResolvedStream } from '../options.ts'
import { quoted } from '../text/quoted.ts'
import type { Claims } from '../token/claims.ts'
import { canonicalToken, tokenDigest } from '../token/request-token.ts'
import { START_TOLERANCE_MS_MIN, type TokenRules } from '../token/token-rules.ts'
import { type UnverifiedToken, unverifiedToken } from '../token/unverified-token.ts'
import type { CheckReport } from './check-report.ts'
import { exactly, lasting } from './durations.ts'
import type { CheckedIssuer } from './keys-check.ts'
import { missingGrant } from './token-grants.ts'

const CHECK = 'token'
const PATHS_MAX = 20

/** `app`: one without routes, which this function takes over. */
export async function checkToken(
  report: CheckReport,
  text: string,
  issuers: readonly CheckedIssuer[],
  streams: readonly ResolvedStream[],
  app: FastifyInstance,
): Promise<void> {
  const canonical = canonicalToken(text)
  if (canonical === null)
    return report.fail(CHECK, 'it is no JWT: three parts in base64url, with dots between them')
  const token = unverifiedToken(canonical)
  if (token === null)
    return report.fail(CHECK, 'its header or its claims are no JSON object, or name a member twice')
  const issuer = issuers.find(({ rules }) => rules.issuer === token.claims.iss)
  if (issuer === undefined) return report.fail(CHECK, issuerWords(token.claims, issuers))
  const fault = await faultOf(app, canonical, issuers)
  if (fault instanceof TokenRefused) return report.fail(CHECK, refusalWords(fault, token, issuer))
  if (fault !== null) return report.fail(CHECK, `it cannot be verified: ${errorWords(fault)}`)
  const { rules } = issuer
  const leftMs = Number(token.claims.exp) * 1000 + rules.toleranceMs - Date.now()
  report.ok(CHECK, `it is good for another ${lasting(leftMs)}`)
  checkGrants(report, token.claims, rules, streams)
}

function issuerWords({ iss }: Claims, issuers: readonly CheckedIssuer[]): string {
  const known = issuers.map(({ rules }) => quoted(rules.issuer)).join(', ')
  return `iss is ${quoted(iss)}, and the settings name ${known || 'no issuer whose keys can be read'}`
}

/** What the server's verifier throws; null for a good token. */
async function faultOf(
  app: FastifyInstance,
  canonical: string,
  issuers: readonly CheckedIssuer[],
): Promise<unknown> {
  const verify = await registerJwt(app, issuers)
  let fault: unknown = null
  app.get('/', async (request: FastifyRequest) => {
    try {
      await verify(request, { text: canonical, digest: tokenDigest(canonical) })
    } catch (error) {
      fault = error
    }
    return ''
  })
  await app.inject('/')
  return fault
}

/** The check that failed, and why. */
function refusalWords(
  { check, offSeconds }: TokenRefused,
  { header, claims }: UnverifiedToken,
  { rules, keyNames }: CheckedIssuer,
): string {
  const { exp, nbf, iat, aud } = claims
  const off = exactly((offSeconds ?? 0) * 1000)
  switch (check) {
    case 'key':
      return `key: no key has the kid ${quoted(header.kid ?? 'none')}; there are ${keyNames}`
    case 'algorithm':
      return `algorithm: alg is ${quoted(header.alg)}; the keys are ${keyNames}`
    case 'signature':
      return `signature: the key ${quoted(header.kid ?? 'without a kid')} has not signed it`
    case 'expired':
      return `expired: its exp was ${off} ago`
    case 'nbf':
    case 'iat': {
      const time = check === 'nbf' ? nbf : iat
      if (offSeconds === null || typeof time !== 'number')
        return `${check}: ${time === undefined ? 'it has none' : 'it is no number'}`
      const tolerated = lasting(Math.max(rules.toleranceMs, START_TOLERANCE_MS_MIN))
      return `${check}: it is ${off} in the future, and ${tolerated} are tolerated: look at both clocks`
    }
    case 'exp':
      return `exp: ${exp === undefined ? 'it has none' : 'it is no number of seconds that a date can have'}`
    case 'lifetime':
      return `lifetime: it lives ${off} longer than JWT_LIFETIME_MAX_SECONDS (${exactly(rules.lifetimeMsMax ?? 0)})`
    case 'aud':
      return `aud: it is ${audienceWords(aud)}, and the settings name ${listed(rules.audiences)}`
    case 'client':
      return `client: it has no aud, and is of none of the clients ${listed(rules.clients)}`
    case 'typ':
      return `typ: it is ${quoted(header.typ ?? 'missing')}, and ${quoted(rules.typ ?? 'an access token')} is expected`
    case 'required claim':
      return `required claim: ${rules.required.map(({ claim, value }) => `${claim.text}=${value}`).join(', ')}`
    default:
      return `${check}: the server takes no such token`
  }
}

function audienceWords(aud: unknown): string {
  if (aud === undefined) return 'missing'
  return Array.isArray(aud) ? listed(aud) : quoted(aud)
}

function listed(texts: Iterable<unknown>): string {
  return [...texts].map(quoted).join(', ') || 'none'
}

/** A token that opens no stream at all is good for nothing here. */
function checkGrants(
  report: CheckReport,
  claims: Claims,
  rules: TokenRules,
  streams: readonly ResolvedStream[],
): void {
  const refused = streams.flatMap((stream) => {
    const words = missingGrant(stream, claims, rules)
    return words === null ? [] : [`${stream.path} ${words}`]
  })
  const verdict = refused.length < streams.length ? 'warn' : 'fail'
  for (const words of refused.slice(0, PATHS_MAX)) report[verdict](CHECK, words)
}
