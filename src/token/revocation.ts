// A revocation: it names tokens, and those of them that were issued up to a moment count no more. Pure; it is plain
// data, so that it can be sent to other threads and through Kafka.

import { quoted } from '../text/quoted.ts'
import type { Session } from './session.ts'

/** What a revocation names: a subject, a provider's session, one token, or a client. */
export type RevokedName =
  | { readonly sub: string }
  | { readonly sid: string }
  | { readonly jti: string }
  | { readonly client: string }

export interface Revocation {
  readonly issuer: string
  readonly on: RevokedName
  /** Epoch ms. Tokens are refused that were issued in this second or earlier, or do not say when they were issued. */
  readonly beforeMs: number
  /** Epoch ms from which no such token can be valid; Infinity if tokens may live for any time. */
  readonly untilMs: number
  /** `jti` of the logout token that asked for it; null if none did. */
  readonly jti: string | null
  /** Why, for operators; null: not said. */
  readonly reason: string | null
}

/** What `app.kafkaSse.revoke` takes: one of `sub`, `sid`, `jti` and `client`, each a text that is not empty. */
export interface RevocationRequest {
  /**
   * Required if tokens of several issuers are accepted, or tokens beside sessions of the host, and by the part `/sse`,
   * which does not know whose are. Default: the only one; `''` if the host authenticates.
   */
  readonly issuer?: string
  readonly sub?: string
  readonly sid?: string
  readonly jti?: string
  readonly client?: string
  /**
   * Tokens that were issued in this second or earlier are refused: a date, or epoch ms. Default: now, and a minute
   * later for one token (`jti`), because clocks differ.
   */
  readonly before?: Date | number
  /** Why, for operators: at most 200 characters. */
  readonly reason?: string
}

/**
 * By issuer whose tokens are accepted: the longest that a token may live, in ms, Infinity for any time. A number where
 * the host authenticates: the longest of all its sessions, whose issuers may have any name. null where it is not known
 * who authenticates: a revocation has to name its issuer, and is remembered for ever.
 */
export type TokenLifetimes = ReadonlyMap<string, number> | number | null

/** By what a revocation names tokens: claims of theirs. */
export const REVOKED_KINDS = ['sub', 'sid', 'jti', 'client'] as const
export type RevokedKind = (typeof REVOKED_KINDS)[number]

/** Longest name of a subject, session, token or client, and of an issuer. */
export const NAME_CHARACTERS_MAX = 1_000
const REASON_CHARACTERS_MAX = 200
/** A token from further in the future would outlive the revocation of all tokens that were issued until now. */
export const ISSUE_AHEAD_MS_MAX = 60_000
/** A token counts for as long after its `exp` as clocks may differ (300 s), and its `iat` may be 60 s ahead. */
const CLOCKS_DIFFER_MS = 360_000
const EPOCH_MS_MAX = 253_402_300_799_999
/** Less are epoch seconds, such as the `iat` of a token: a moment in 1970, by which no token was issued. */
const BEFORE_MS_MIN = 1e12
const FIELDS: readonly string[] = ['issuer', ...REVOKED_KINDS, 'before', 'reason']

/** The request names no tokens, or says something that it cannot mean. The message says what, and quotes no value. */
export class RevocationInvalid extends Error {
  readonly code = 'FKS_REVOCATION_INVALID'

  constructor(words: string) {
    super(words)
    this.name = 'RevocationInvalid'
  }
}

/** The revocation that is asked for. Throws RevocationInvalid. */
export function revocationOf(
  request: RevocationRequest,
  lifetimes: TokenLifetimes,
  epochMs: number,
): Revocation {
  if (typeof request !== 'object' || request === null)
    throw new RevocationInvalid('a revocation is an object')
  const unknown = Object.keys(request).find((name) => !FIELDS.includes(name))
  if (unknown !== undefined)
    throw new RevocationInvalid(`${quoted(unknown)} is no field of a revocation: it has ${FIELDS.join(', ')}`)
  const issuer = issuerOf(request.issuer, lifetimes)
  const on = nameOf(request)
  // No later token has the same name, so this one is meant however far this clock is behind the issuer's.
  const nowMs = 'jti' in on ? epochMs + ISSUE_AHEAD_MS_MAX : epochMs
  const beforeMs = momentOf(request.before ?? nowMs)
  return {
    issuer,
    on,
    beforeMs,
    untilMs: revokedUntilMs(beforeMs, lifetimeMsOf(issuer, lifetimes) ?? Number.POSITIVE_INFINITY),
    jti: null,
    reason: reasonOf(request.reason),
  }
}

/** When no token that was issued up to `beforeMs` can be valid any more, if it may live for so long. */
export function revokedUntilMs(beforeMs: number, lifetimeMsMax: number): number {
  return beforeMs + lifetimeMsMax + CLOCKS_DIFFER_MS
}

/** The same of its names alone: the logout token that asked for it may come again. */
export function withoutLogout(revocation: Revocation): Revocation {
  return { ...revocation, jti: null }
}

/**
 * The same, remembered for as long as tokens may live here: its writer, such as a command with other settings, may have
 * expected shorter lives.
 */
export function keptLongEnough(revocation: Revocation, lifetimes: TokenLifetimes): Revocation {
  const lifetimeMs = lifetimeMsOf(revocation.issuer, lifetimes)
  if (lifetimeMs === undefined) return revocation // no token of this issuer is accepted here
  return {
    ...revocation,
    untilMs: Math.max(revocation.untilMs, revokedUntilMs(revocation.beforeMs, lifetimeMs)),
  }
}

/** Whether a session lives for longer than this, from its issue, or from now if it does not say when that was. */
export function outlives(
  { issuedAtMs, expiresAtMs }: Pick<Session, 'issuedAtMs' | 'expiresAtMs'>,
  lifetimeMsMax: number,
  epochMs: number,
): boolean {
  return expiresAtMs - Math.min(issuedAtMs ?? epochMs, epochMs) > lifetimeMsMax
}

/** The kind and the name of what is revoked. */
export function revokedName({ on }: Pick<Revocation, 'on'>): readonly [kind: RevokedKind, name: string] {
  if ('sub' in on) return ['sub', on.sub]
  if ('sid' in on) return ['sid', on.sid]
  return 'jti' in on ? ['jti', on.jti] : ['client', on.client]
}

/** What a revocation of this kind must name to name this session; null if none of this kind can. */
export function nameIn(session: Session, kind: RevokedKind): string | null {
  if (kind === 'sub') return session.subject
  if (kind === 'sid') return session.sessionId
  return kind === 'jti' ? session.tokenId : session.client
}

/** Whether a token was issued in the second of `beforeMs` or earlier, or does not say when. */
export function isIssuedBefore({ issuedAtMs }: Pick<Session, 'issuedAtMs'>, beforeMs: number): boolean {
  return issuedAtMs === null || Math.floor(issuedAtMs / 1000) <= Math.floor(beforeMs / 1000)
}

/** undefined: no token of this issuer is accepted. */
function lifetimeMsOf(issuer: string, lifetimes: TokenLifetimes): number | undefined {
  if (lifetimes === null) return Number.POSITIVE_INFINITY
  return typeof lifetimes === 'number' ? lifetimes : lifetimes.get(issuer)
}

function nameOf(request: RevocationRequest): RevokedName {
  const [kind, ...others] = REVOKED_KINDS.filter((each) => request[each] !== undefined)
  if (kind === undefined || others.length > 0)
    throw new RevocationInvalid('a revocation names one of sub, sid, jti and client')
  const name = textOf(kind, request[kind], NAME_CHARACTERS_MAX)
  if (kind === 'sub') return { sub: name }
  if (kind === 'sid') return { sid: name }
  return kind === 'jti' ? { jti: name } : { client: name }
}

function issuerOf(given: unknown, lifetimes: TokenLifetimes): string {
  if (given === undefined) return onlyIssuer(lifetimes)
  if (typeof given !== 'string') throw new RevocationInvalid('issuer takes text')
  if (given.length > NAME_CHARACTERS_MAX)
    throw new RevocationInvalid(`issuer has more than ${NAME_CHARACTERS_MAX} characters`)
  // A misspelt issuer would revoke nothing.
  if (lifetimeMsOf(given, lifetimes) !== undefined) return given
  throw new RevocationInvalid('issuer is none of those whose tokens are accepted')
}

function onlyIssuer(lifetimes: TokenLifetimes): string {
  if (lifetimes === null)
    throw new RevocationInvalid('issuer is required, because it is not known whose tokens are accepted')
  const [only = '', ...others] = typeof lifetimes === 'number' ? [] : lifetimes.keys()
  if (others.length === 0) return only
  throw new RevocationInvalid('issuer is required, because tokens of several issuers are accepted')
}

function textOf(name: string, text: unknown, charactersMax: number): string {
  if (typeof text !== 'string' || text === '')
    throw new RevocationInvalid(`${name} takes text that is not empty`)
  if (text.length <= charactersMax) return text
  throw new RevocationInvalid(`${name} has more than ${charactersMax} characters`)
}

function reasonOf(reason: unknown): string | null {
  return reason === undefined ? null : textOf('reason', reason, REASON_CHARACTERS_MAX)
}

function momentOf(before: unknown): number {
  const ms = before instanceof Date ? before.getTime() : before
  if (typeof ms !== 'number' || !Number.isFinite(ms))
    throw new RevocationInvalid('before takes a Date or epoch ms')
  if (ms >= BEFORE_MS_MIN && ms <= EPOCH_MS_MAX) return Math.floor(ms)
  throw new RevocationInvalid('before is not between 2001 and 9999: it takes epoch ms')
}
