// Indexes the open streams by who holds them, so that a renewal finds them.

import type { Session } from '../token/session.ts'
import type { Stream } from './stream.ts'

/** An answer to a challenge: a session that replaces the sessions of its holder's streams at one path. */
export interface Renewal {
  readonly path: string
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

interface Entry {
  readonly path: string
  readonly granted: string
  readonly holder: string
}

export class Holders {
  private readonly entries = new Map<Stream, Entry>()
  private readonly byHolder = new Map<string, Set<Stream>>()

  get size(): number {
    return this.entries.size
  }

  /** All open streams, the oldest first. */
  all(): Iterable<Stream> {
    return this.entries.keys()
  }

  /** `granted`: see `Renewal`. */
  add(stream: Stream, path: string, granted: string): void {
    const holder = holderOf(stream.session)
    this.entries.set(stream, { path, granted, holder })
    const held = this.byHolder.get(holder)
    if (held) held.add(stream)
    else this.byHolder.set(holder, new Set([stream]))
  }

  remove(stream: Stream): void {
    const entry = this.entries.get(stream)
    if (entry === undefined) return
    this.entries.delete(stream)
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

  /**
   * Open streams of the same path, issuer and subject. If the token names no subject: those that were opened with
   * exactly the token of `previousDigest`.
   */
  private heldFor({ path, session, previousDigest }: Renewal): Stream[] {
    const holder = session.subject === null ? tokenHolder(previousDigest ?? '') : holderOf(session)
    const held = this.byHolder.get(holder) ?? []
    return [...held].filter((stream) => stream.isOpen && this.isAt(stream, path, session))
  }

  private isAt(stream: Stream, path: string, session: Session): boolean {
    return this.entries.get(stream)?.path === path && stream.session.issuer === session.issuer
  }
}

/** Adds up what several threads have found. */
export function sumOfRenewals(counts: readonly RenewalCount[]): RenewalCount {
  const sum = (read: (count: RenewalCount) => number) => counts.reduce((total, one) => total + read(one), 0)
  return { renewed: sum(({ renewed }) => renewed), others: sum(({ others }) => others) }
}

/** In a thread that has none, or does not answer. */
export const NO_RENEWALS: RenewalCount = { renewed: 0, others: 0 }

/** Identifies the holder of a session: its subject, or the bearer of one token. */
export function holderOf({ issuer, subject, tokenDigest }: Session): string {
  return subject === null ? tokenHolder(tokenDigest) : JSON.stringify([issuer, subject])
}

function tokenHolder(digest: string): string {
  return `token ${digest}`
}
