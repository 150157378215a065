// Which streams are open, and who holds them: found by holder for a renewal, counted by holder and address for the limits.

import type { Session } from './session.ts'
import type { Stream } from './stream.ts'

interface Entry {
  readonly path: string
  readonly address: string
  readonly holder: string
}

export class Registry {
  private readonly entries = new Map<Stream, Entry>()
  private readonly byHolder = new Map<string, Set<Stream>>()
  private readonly byAddress = new Map<string, number>()

  get size(): number {
    return this.entries.size
  }

  /** All open streams, the oldest first. */
  all(): Iterable<Stream> {
    return this.entries.keys()
  }

  add(stream: Stream, path: string, address: string): void {
    const holder = holderOf(stream.session)
    this.entries.set(stream, { path, address, holder })
    const held = this.byHolder.get(holder)
    if (held) held.add(stream)
    else this.byHolder.set(holder, new Set([stream]))
    this.byAddress.set(address, this.countOfAddress(address) + 1)
  }

  remove(stream: Stream): void {
    const entry = this.entries.get(stream)
    if (entry === undefined) return
    this.entries.delete(stream)
    const held = this.byHolder.get(entry.holder)
    held?.delete(stream)
    if (held?.size === 0) this.byHolder.delete(entry.holder)
    const left = this.countOfAddress(entry.address) - 1
    if (left > 0) this.byAddress.set(entry.address, left)
    else this.byAddress.delete(entry.address)
  }

  countOfHolder(session: Session): number {
    return this.byHolder.get(holderOf(session))?.size ?? 0
  }

  countOfAddress(address: string): number {
    return this.byAddress.get(address) ?? 0
  }

  /**
   * Open streams at `path` that a renewal by `session` reaches: those of the same issuer and subject; where the token
   * names no subject, those that were opened with exactly the token of digest `previousDigest`.
   */
  renewable(path: string, session: Session, previousDigest: string | null): Stream[] {
    const holder = session.subject === null ? tokenHolder(previousDigest ?? '') : holderOf(session)
    const held = this.byHolder.get(holder) ?? []
    return [...held].filter((stream) => stream.isOpen && this.isRenewable(stream, path, session))
  }

  private isRenewable(stream: Stream, path: string, session: Session): boolean {
    return this.entries.get(stream)?.path === path && stream.session.issuer === session.issuer
  }
}

function holderOf({ issuer, subject, tokenDigest }: Session): string {
  return subject === null ? tokenHolder(tokenDigest) : JSON.stringify([issuer, subject])
}

function tokenHolder(digest: string): string {
  return `token ${digest}`
}
