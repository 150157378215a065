// Indexes the open streams by who holds them, so that a renewal finds them.

import type { Session } from '../token/session.ts'
import type { Stream } from './stream.ts'

/** An answer to a challenge: a session that replaces the sessions of its holder's streams at one path. */
export interface Renewal {
  readonly path: string
  readonly session: Session
  /** Digest of the token in the URL. Used if the session names no subject; see `Holders.renewable`. */
  readonly previousDigest: string | null
}

interface Entry {
  readonly path: string
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

  add(stream: Stream, path: string): void {
    const holder = holderOf(stream.session)
    this.entries.set(stream, { path, holder })
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

  /**
   * Open streams that a renewal applies to: those of the same path, issuer and subject. If the token names no subject:
   * those that were opened with exactly the token of `previousDigest`.
   */
  renewable({ path, session, previousDigest }: Renewal): Stream[] {
    const holder = session.subject === null ? tokenHolder(previousDigest ?? '') : holderOf(session)
    const held = this.byHolder.get(holder) ?? []
    return [...held].filter((stream) => stream.isOpen && this.isRenewable(stream, path, session))
  }

  private isRenewable(stream: Stream, path: string, session: Session): boolean {
    return this.entries.get(stream)?.path === path && stream.session.issuer === session.issuer
  }
}

/** Identifies the holder of a session: its subject, or the bearer of one token. */
export function holderOf({ issuer, subject, tokenDigest }: Session): string {
  return subject === null ? tokenHolder(tokenDigest) : JSON.stringify([issuer, subject])
}

function tokenHolder(digest: string): string {
  return `token ${digest}`
}
