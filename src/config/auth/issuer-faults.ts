// Rules of the token settings that the schema cannot express: which are required depends on others, no two issuers are
// the same, and the path of a claim can be read.

import { isDeepStrictEqual } from 'node:util'
import type { AuthOptions, IssuerOptions } from '../../options.ts'
import { quoted } from '../../text/quoted.ts'
import { parseClaimName } from '../../token/claim-path.ts'
import { keySetting } from '../../token/key-setting.ts'
import { NOT_BEARER_TYPES } from '../../token/token-rules.ts'
import { AUTH_SETTINGS } from '../auth-settings.ts'
import type { Document } from '../document.ts'
import type { Fault, SettingPlace } from '../validation.ts'
import { ISSUER_SETTINGS } from './issuer-settings.ts'

const UNDEFINED_AUTHENTICATE: Fault = {
  place: ['auth', 'authenticate'],
  kind: 'wrong',
  words: 'takes a function, not undefined; leave it out to authenticate by tokens',
}

const NO_DISCOVERY =
  'the issuer is no address with https:// or http:// and without a password, so no discovery document can name them'

const CLIENTS_INSTEAD = 'Where tokens carry none, set JWT_CLIENTS (clients) instead'

type Written = Readonly<Partial<Record<keyof IssuerOptions, unknown>>>

/** What one issuer's settings are called where they stand. */
type Names = Readonly<Record<keyof IssuerOptions, keyof AuthOptions | keyof IssuerOptions>>

const NAMES_OF_ONE = {
  issuer: 'issuer',
  audiences: 'audience',
  clients: 'clients',
  keys: 'keys',
  typ: 'typ',
  scopeClaims: 'scopeClaim',
  require: 'require',
  lifetimeSecondsMax: 'lifetimeSecondsMax',
} as const satisfies Record<keyof IssuerOptions, keyof AuthOptions>
const NAMES_IN_LIST: Names = { ...NAMES_OF_ONE, audiences: 'audiences', scopeClaims: 'scopeClaims' }

/** Without `authenticate`: who has issued a token, whom it is for, and which keys verify it must all be clear. */
export function authFaults({ auth }: Document): Fault[] {
  if (typeof auth !== 'object' || auth === null) return []
  // Probably a misspelt variable of the caller. Without this fault, any valid token would be accepted instead.
  if ('authenticate' in auth) return auth.authenticate === undefined ? [UNDEFINED_AUTHENTICATE] : []
  const written: Readonly<Record<string, unknown>> = Object(auth)
  if (written.issuers === undefined) return issuerFaults(single(written), ['auth'], NAMES_OF_ONE)
  const { issuers } = written
  const besides = Object.values(NAMES_OF_ONE).filter((name) => isWritten(name, written[name]))
  return [...besides.map(besideList), ...(Array.isArray(issuers) ? listFaults(issuers) : [])]
}

/** The schema has filled in the defaults, which say nothing else than those of the issuers in the list. */
function isWritten(name: keyof AuthOptions, value: unknown): boolean {
  return value !== undefined && !isDeepStrictEqual(value, AUTH_SETTINGS[name].default)
}

function besideList(name: string): Fault {
  const words = 'sets the only issuer of a server, and auth.issuers lists them: keep one of the two'
  return { place: ['auth', name], kind: 'wrong', words }
}

function listFaults(issuers: readonly unknown[]): Fault[] {
  const names = issuers.map((issuer) => Object(issuer).issuer)
  return issuers.flatMap((issuer: unknown, at) => {
    if (typeof issuer !== 'object' || issuer === null) return []
    const place = ['auth', 'issuers', `${at}`]
    const faults = issuerFaults(issuer, place, NAMES_IN_LIST)
    if (typeof names[at] !== 'string' || names.indexOf(names[at]) === at) return faults
    return [...faults, wrong([...place, 'issuer'], `is listed twice: ${quoted(names[at])}`)]
  })
}

function issuerFaults(written: Written, place: SettingPlace, names: Names): Fault[] {
  const { issuer, audiences, clients, keys, typ } = written
  const missing = (name: keyof IssuerOptions, words: string): Fault => {
    return { place: [...place, names[name]], kind: 'missing', words: `is missing: ${words}` }
  }
  const faults: Fault[] = []
  if (issuer === undefined) faults.push(missing('issuer', ISSUER_SETTINGS.issuer.description))
  if (audiences === undefined && clients === undefined) {
    faults.push(missing('audiences', `${ISSUER_SETTINGS.audiences.description}. ${CLIENTS_INSTEAD}`))
  }
  if (keys === undefined && typeof issuer === 'string' && keySetting(issuer).kind !== 'url') {
    faults.push(missing('keys', NO_DISCOVERY))
  }
  if (typeof typ === 'string' && NOT_BEARER_TYPES.has(typ.toLowerCase())) {
    faults.push(wrong([...place, names.typ], 'names tokens that are never accepted here'))
  }
  return [...faults, ...claimFaults(written, place, names)]
}

/** A claim that is written wrongly would never be found, and its tokens would lack every scope. */
function claimFaults({ scopeClaims, require }: Written, place: SettingPlace, names: Names): Fault[] {
  const list: readonly unknown[] = Array.isArray(scopeClaims) ? scopeClaims : [scopeClaims]
  const scopes = list.map((text, at) => {
    const below = Array.isArray(scopeClaims) ? [`${at}`] : []
    return claimFault(text, [...place, names.scopeClaims, ...below])
  })
  const required = Object.keys(Object(require)).map((text) =>
    claimFault(text, [...place, names.require, text]),
  )
  return [...scopes, ...required].filter((fault) => fault !== null)
}

function claimFault(text: unknown, place: SettingPlace): Fault | null {
  try {
    if (typeof text === 'string') parseClaimName(text)
    return null
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return wrong(place, `is no path of a claim: ${error.message}`)
  }
}

function wrong(place: SettingPlace, words: string): Fault {
  return { place, kind: 'wrong', words }
}

/** What the options of one issuer say, by the names in a list. */
function single(auth: Readonly<Record<string, unknown>>): Written {
  return Object.fromEntries(Object.entries(NAMES_OF_ONE).map(([listed, one]) => [listed, auth[one]]))
}
