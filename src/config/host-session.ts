// Validates what the host application's `authenticate` resolves with, and converts it to a session. Promise: an error
// names the field and never quotes its value, which may be a credential.

import { quoted } from '../text/quoted.ts'
import { EXPIRY_SECONDS_MAX } from '../token/claims.ts'
import { ISSUE_AHEAD_MS_MAX, NAME_CHARACTERS_MAX } from '../token/revocation.ts'
import { DEFAULT_SCOPE, type Session } from '../token/session.ts'
import { nearestName } from './suggestion.ts'

/** `field` is the invalid one, null if the answer is no object. `words` are a predicate that says what it should be. */
export class SessionFault extends Error {
  readonly field: string | null

  constructor(field: string | null, words: string) {
    super(field === null ? `the answer ${words}` : `${field} ${words}`)
    this.name = 'SessionFault'
    this.field = field
  }
}

const EPOCH_MS_MAX = EXPIRY_SECONDS_MAX * 1000 + 999

/**
 * The session in a host's answer; null if the answer is null or the session has expired. Throws a SessionFault.
 * `digest` takes the place of a token's digest.
 */
export function sessionOfHost(answer: unknown, epochMs: number, digest: string): Session | null {
  if (answer === null) return null
  const given = reading(null, () => sessionLike(answer))
  const { subject, issuer, scopes, claims, ...others }: Partial<Record<string, unknown>> = fieldsOf(given)
  const session: Session = {
    subject: reading('subject', () => subjectOf(subject)),
    expiresAtMs: reading('expiresAt', () => expiryOf(others.expiresAt, others.expiresAtMs)),
    issuedAtMs: reading('issuedAt', () => issueOf(others, epochMs)),
    issuer: reading('issuer', () => issuerOf(issuer)),
    sessionId: reading('sessionId', () => nameOf('sessionId', others.sessionId)),
    client: reading('client', () => nameOf('client', others.client)),
    tokenId: reading('tokenId', () => nameOf('tokenId', others.tokenId)),
    scopes: reading('scopes', () => scopesOf(scopes)),
    claims: reading('claims', () => claimsOf(claims)),
    tokenDigest: digest,
  }
  return session.expiresAtMs <= epochMs ? null : session
}

/** Replaces an error of the answer's own getter, Proxy or iterator: it may hold credentials, so it is not logged. */
function reading<T>(field: string | null, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof SessionFault) throw error
    throw new SessionFault(field, 'cannot be read')
  }
}

function sessionLike(answer: unknown): object {
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer))
    throw new SessionFault(null, `is neither a session nor null: ${kindOf(answer)}`)
  requireKnown(answer)
  return answer
}

const FIELDS = [
  'subject',
  'expiresAt',
  'expiresAtMs',
  'issuedAt',
  'issuedAtMs',
  'issuer',
  'sessionId',
  'client',
  'tokenId',
  'scopes',
  'claims',
] as const

/** Allowed but not read: a host may pass back a session that it got from here. */
const IGNORED_FIELD = 'tokenDigest'

/** A misspelt field would get its default, and the default of `scopes` grants access. */
function requireKnown(answer: object): void {
  const known: readonly string[] = FIELDS
  const unknown = Object.keys(answer).find((name) => !known.includes(name) && name !== IGNORED_FIELD)
  if (unknown === undefined) return
  const meant = nearestName(unknown, FIELDS)
  const question = meant === null ? '' : `: did you mean ${meant}?`
  throw new SessionFault(quoted(unknown), `is no field of a session${question}`)
}

/** Reads each field once, getters and inherited ones too, so that the checked value is the one in use. */
function fieldsOf(answer: object): Record<string, unknown> {
  const given = answer as Readonly<Record<string, unknown>> // any property of an object may be read
  return Object.fromEntries(FIELDS.map((name) => [name, reading(name, () => given[name])]))
}

function subjectOf(subject: unknown): string {
  if (typeof subject === 'string' && subject !== '') return revocable('subject', subject)
  throw new SessionFault('subject', `takes text that is not empty, not ${kindOf(subject)}`)
}

function expiryOf(expiresAt: unknown, expiresAtMs: unknown): number {
  return momentOf('expiresAt', expiresAt, expiresAtMs)
}

/**
 * null: unknown. A session that was given out here has `issuedAtMs`, which may be null. One from further in the future
 * than clocks differ, such as its end by mistake, would outlive its revocation.
 */
function issueOf(
  { issuedAt, issuedAtMs }: Readonly<Record<string, unknown>>,
  epochMs: number,
): number | null {
  const [named, inMs] = [issuedAt ?? undefined, issuedAtMs ?? undefined]
  if (named === undefined && inMs === undefined) return null
  const ms = momentOf('issuedAt', named, inMs)
  if (ms <= epochMs + ISSUE_AHEAD_MS_MAX) return ms
  throw new SessionFault(inMs === undefined ? 'issuedAt' : 'issuedAtMs', 'is more than a minute ahead')
}

/** `named`: the field. `inMs`: the field of the same name with `Ms` behind it. One of the two is set. */
function momentOf(name: string, named: unknown, inMs: unknown): number {
  if (named !== undefined && inMs !== undefined)
    throw new SessionFault(name, `and ${name}Ms set the same: keep one of them`)
  const field = inMs === undefined ? name : `${name}Ms`
  const given = inMs ?? named
  const ms = given instanceof Date ? given.getTime() : given
  if (typeof ms !== 'number') throw new SessionFault(field, `takes a Date or epoch ms, not ${kindOf(ms)}`)
  if (!Number.isFinite(ms)) throw new SessionFault(field, 'is not a moment in time')
  if (ms > EPOCH_MS_MAX) throw new SessionFault(field, 'is beyond the year 9999: it takes epoch ms')
  return Math.floor(ms)
}

function issuerOf(issuer: unknown = ''): string {
  if (typeof issuer === 'string') return revocable('issuer', issuer)
  throw new SessionFault('issuer', `takes text, not ${kindOf(issuer)}`)
}

/** What the session is named by, besides its subject. Most hosts have no such name: null. */
function nameOf(field: string, name: unknown = null): string | null {
  if (name === null) return null
  if (typeof name === 'string' && name !== '') return revocable(field, name)
  throw new SessionFault(field, `takes text that is not empty, not ${kindOf(name)}`)
}

/** A session by a longer name could not be revoked by it. */
function revocable(field: string, name: string): string {
  if (name.length <= NAME_CHARACTERS_MAX) return name
  throw new SessionFault(field, `has more than ${NAME_CHARACTERS_MAX} characters`)
}

function scopesOf(scopes: unknown = DEFAULT_SCOPE): ReadonlySet<string> {
  if (typeof scopes === 'string') return new Set(scopes.split(' ').filter((name) => name !== ''))
  if (typeof scopes !== 'object' || scopes === null || !(Symbol.iterator in scopes))
    throw new SessionFault('scopes', `takes a list of texts, not ${kindOf(scopes)}`)
  const names: unknown[] = [...(scopes as Iterable<unknown>)] // it has Symbol.iterator
  if (names.every((name) => typeof name === 'string')) return new Set(names)
  throw new SessionFault('scopes', 'holds a value that is not text')
}

/** A structured clone, because a renewal sends claims to other threads: a function among them fails here, not there. */
function claimsOf(claims: unknown = {}): Session['claims'] {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims))
    throw new SessionFault('claims', `takes an object, not ${kindOf(claims)}`)
  try {
    return { ...structuredClone(claims) }
  } catch {
    throw new SessionFault('claims', 'holds a value that cannot be copied, such as a function')
  }
}

/** The type of a value in words; never the value. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (value === '') return 'an empty text'
  if (Array.isArray(value)) return 'a list'
  const kind = typeof value
  return kind === 'string' ? 'a text' : kind === 'object' ? 'an object' : `a ${kind}`
}
