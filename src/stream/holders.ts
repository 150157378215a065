// Indexes the open streams by who holds them, so that renewals and revocations find them.

import { grantsScope } from '../token/claims.ts'
import type { Revocation } from '../token/revocation.ts'
import { requireSession, type Session } from '../token/session.ts'
import { type Held, SessionIndex } from '../token/session-index.ts'
import type { Stream } from './stream.ts'

/** Where a stream is, in one spelling for all requests that the router matches alike. */
export interface MatchedPath {
  /** The stream's own path in Fastify's notation, its app's prefix included. */
  readonly route: string
  /** JSON of the decoded parameters: [name, value] pairs in the order of their names. */
  readonly params: string
}

/** An answer to a challenge: a session that replaces the sessions of its holder's streams at one path. */
export interface Renewal extends MatchedPath {
  readonly session: Session
  /** What the session is granted at the path: `Selection.granted`. Streams that were granted the same are renewed. */
  readonly granted: string
  /** Digest of the token in the URL. Used if the session names no subject; see `Holders.heldFor`. */
  readonly previousDigest: string | null
}

/** How many streams of its holder a renewal has found at its path. */
export interface RenewalCount {
  readonly renewed: number
  /** Streams that were granted other records, and go on until their end. */
  readonly others: number
}

export interface RenewalRule {
  /** What a renewal must have the same: issuer and subject, with `session` the provider's session and client, too. */
  readonly renewBy: 'session' | 'subject'
}

interface Entry extends MatchedPath {
  readonly granted: string
  readonly holder: string
  /** Of the session that opened the stream. A renewal must have the same; null: this is not compared. */
  readonly sessionId: string | null
  readonly client: string | null
  /** What a renewal must grant: it may come from a replica whose options are others. null: nothing. */
  readonly scope: string | null
}

export class Holders {
  private readonly rule: RenewalRule
  private readonly entries = new Map<Stream, Entry>()
  private readonly byHolder = new Map<string, Set<Stream>>()
  /** By the names of each stream's present session. */
  private readonly sessions = new SessionIndex<Stream>()

  constructor(rule: RenewalRule) {
    this.rule = rule
  }

  get size(): number {
    return this.entries.size
  }

  /** All open streams, the oldest first. */
  all(): Iterable<Stream> {
    return this.entries.keys()
  }

  /** `granted`: see `Renewal`. `scope`: what a renewal must grant. */
  add(stream: Stream, { route, params }: MatchedPath, granted: string, scope: string | null): void {
    const holder = holderOf(stream.session)
    const { sessionId, client } = this.rule.renewBy === 'session' ? stream.session : ANY
    this.entries.set(stream, { route, params, granted, holder, sessionId, client, scope })
    this.sessions.add(stream, stream.session)
    const held = this.byHolder.get(holder)
    if (held) held.add(stream)
    else this.byHolder.set(holder, new Set([stream]))
  }

  remove(stream: Stream): void {
    const entry = this.entries.get(stream)
    if (entry === undefined) return
    this.entries.delete(stream)
    this.sessions.remove(stream, stream.session)
    const held = this.byHolder.get(entry.holder)
    held?.delete(stream)
    if (held?.size === 0) this.byHolder.delete(entry.holder)
  }

  /** Open streams that a renewal applies to, and the number of those that were granted other records. */
  renewable(renewal: Renewal): { readonly streams: readonly Stream[]; readonly others: number } {
    const held = this.heldFor(renewal)
    const streams = held.filter((stream) => this.entries.get(stream)?.granted === renewal.granted)
    return { streams, others: held.length - streams.length }
  }

  /** Gives a stream the session of a renewal, if that ends later. */
  renew(stream: Stream, session: Session): void {
    this.sessions.remove(stream, stream.session)
    stream.renew(session)
    // It may have closed, if its client has left.
    if (this.entries.has(stream)) this.sessions.add(stream, stream.session)
  }

  /** Open streams of the name that a revocation has, whenever their tokens were issued; null for none. */
  named(revocation: Revocation): Held<Stream> | null {
    return this.sessions.named(revocation)
  }

  /**
   * Open streams of the same path, issuer and subject, and of the same provider session and client where the token that
   * opened them had them: a thief's stream is not renewed by its victim. If the token names no subject: those that were
   * opened with exactly the token of `previousDigest`.
   */
  private heldFor(renewal: Renewal): Stream[] {
    const { session, previousDigest } = renewal
    const holder = session.subject === null ? tokenHolder(previousDigest ?? '') : holderOf(session)
    const held = this.byHolder.get(holder) ?? []
    return [...held].filter((stream) => stream.isOpen && this.isMeant(stream, renewal))
  }

  private isMeant(stream: Stream, { route, params, session }: Renewal): boolean {
    const entry = this.entries.get(stream)
    if (entry === undefined || stream.session.issuer !== session.issuer) return false
    const isAt = entry.route === route && entry.params === params && grantsScope(session, entry.scope)
    return isAt && fits(entry.sessionId, session.sessionId) && fits(entry.client, session.client)
  }
}

const ANY = { sessionId: null, client: null }

function fits(opened: string | null, given: string | null): boolean {
  return opened === null || opened === given
}

/** Adds up what several threads have found. */
export function sumOfRenewals(counts: readonly RenewalCount[]): RenewalCount {
  const sum = (read: (count: RenewalCount) => number) => counts.reduce((total, one) => total + read(one), 0)
  return { renewed: sum(({ renewed }) => renewed), others: sum(({ others }) => others) }
}

/** In a thread that has none, or does not answer. */
export const NO_RENEWALS: RenewalCount = { renewed: 0, others: 0 }

/** Identifies the holder of a session: its subject, or the bearer of one token. Throws as `requireSession`. */
export function holderOf(session: Session): string {
  requireSession(session)
  const { issuer, subject, tokenDigest } = session
  return subject === null ? tokenHolder(tokenDigest) : JSON.stringify([issuer, subject])
}

function tokenHolder(digest: string): string {
  return `token ${digest}`
}
