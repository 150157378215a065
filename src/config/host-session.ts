// Checks what a host's own `authenticate` answers with, and makes a session of it. Promise: what is no session never
// becomes one, and the error names the field; nothing of a value is quoted, since it may be a credential.

import { EXPIRY_SECONDS_MAX } from '../token/claims.ts'
import { DEFAULT_SCOPE, type Session } from '../token/session.ts'
import { quoted } from './config-error.ts'
import { nearestName } from './suggestion.ts'

/** `field` is the one that is wrong, null where the answer is no object at all; `words` say what it should be. */
export class SessionFault extends Error {
  readonly field: string | null

  constructor(field: string | null, words: string) {
    super(field === null ? `the answer ${words}` : `${field} ${words}`)
    this.name = 'SessionFault'
    this.field = field
  }
}

const EXPIRES_AT_MS_MAX = EXPIRY_SECONDS_MAX * 1000 + 999

/**
 * The session in a host's answer; null where it lets nobody in, or somebody whose time is over. Throws a SessionFault.
 * `digest` stands in for a token's.
 */
export function sessionOfHost(answer: unknown, epochMs: number, digest: string): Session | null {
  if (answer === null) return null
  const given = reading(null, () => sessionLike(answer))
  const { subject, expiresAt, expiresAtMs, issuer, scopes, claims }: Partial<Record<string, unknown>> = {
    ...fieldsOf(given),
  }
  const session: Session = {
    subject: reading('subject', () => subjectOf(subject)),
    expiresAtMs: reading('expiresAt', () => expiryOf(expiresAt, expiresAtMs)),
    issuer: reading('issuer', () => issuerOf(issuer)),
    scopes: reading('scopes', () => scopesOf(scopes)),
    claims: reading('claims', () => claimsOf(claims)),
    tokenDigest: digest,
  }
  return session.expiresAtMs <= epochMs ? null : session
}

/** A getter, a Proxy or an iterator may throw, whatever it likes: that is no answer for a client, nor for a log. */
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

const FIELDS = ['subject', 'expiresAt', 'expiresAtMs', 'issuer', 'scopes', 'claims'] as const

/** Of a session that was given out here, and is made anew. */
const PASSED_OVER = 'tokenDigest'

/** A field that is misspelt would give way to its default, and `scopes` has one that grants something. */
function requireKnown(answer: object): void {
  const known: readonly string[] = FIELDS
  const unknown = Object.keys(answer).find((name) => !known.includes(name) && name !== PASSED_OVER)
  if (unknown === undefined) return
  const meant = nearestName(unknown, FIELDS)
  const question = meant === null ? '' : `: did you mean ${meant}?`
  throw new SessionFault(quoted(unknown), `is no field of a session${question}`)
}

/** Each is read once, inherited ones and getters, too: what was checked is what is used. */
function fieldsOf(answer: object): Record<string, unknown> {
  const given = answer as Readonly<Record<string, unknown>> // any object may be asked for a property
  return Object.fromEntries(FIELDS.map((name) => [name, reading(name, () => given[name])]))
}

function subjectOf(subject: unknown): string {
  if (typeof subject === 'string' && subject !== '') return subject
  throw new SessionFault('subject', `is text that is not empty, and not ${kindOf(subject)}`)
}

function expiryOf(expiresAt: unknown, expiresAtMs: unknown): number {
  if (expiresAt !== undefined && expiresAtMs !== undefined)
    throw new SessionFault('expiresAt', 'and expiresAtMs are the same: one of them has to go')
  const name = expiresAtMs === undefined ? 'expiresAt' : 'expiresAtMs'
  const given = expiresAtMs ?? expiresAt
  const ms = given instanceof Date ? given.getTime() : given
  if (typeof ms !== 'number') throw new SessionFault(name, `is a Date or epoch ms, and not ${kindOf(ms)}`)
  if (!Number.isFinite(ms)) throw new SessionFault(name, 'is not a moment in time')
  if (ms > EXPIRES_AT_MS_MAX) throw new SessionFault(name, 'is beyond the year 9999: it takes epoch ms')
  return Math.floor(ms)
}

function issuerOf(issuer: unknown = ''): string {
  if (typeof issuer === 'string') return issuer
  throw new SessionFault('issuer', `is text, and not ${kindOf(issuer)}`)
}

function scopesOf(scopes: unknown = DEFAULT_SCOPE): ReadonlySet<string> {
  if (typeof scopes === 'string') return new Set(scopes.split(' ').filter((name) => name !== ''))
  if (typeof scopes !== 'object' || scopes === null || !(Symbol.iterator in scopes))
    throw new SessionFault('scopes', `is a list of texts, and not ${kindOf(scopes)}`)
  const names: unknown[] = [...(scopes as Iterable<unknown>)] // what has an iterator is asked for it
  if (names.every((name) => typeof name === 'string')) return new Set(names)
  throw new SessionFault('scopes', 'holds something else than text')
}

/** A copy, as it goes to other threads with a renewal: what a copy would lack is a fault here, not there. */
function claimsOf(claims: unknown = {}): Session['claims'] {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims))
    throw new SessionFault('claims', `is an object, and not ${kindOf(claims)}`)
  try {
    return { ...structuredClone(claims) }
  } catch {
    throw new SessionFault('claims', 'holds what cannot be copied, such as a function')
  }
}

/** What kind of value it is; never the value. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (value === '') return 'an empty text'
  if (Array.isArray(value)) return 'a list'
  const kind = typeof value
  return kind === 'string' ? 'a text' : kind === 'object' ? 'an object' : `a ${kind}`
}
