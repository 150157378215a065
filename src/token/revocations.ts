// What is revoked: which sessions are refused, and which logout tokens were used. Promise: bounded; a row stays until
// no token that it names can be valid, by two clocks; what there is no room for is never forgotten in silence.

import {
  isIssuedBefore,
  nameIn,
  REVOKED_KINDS,
  type Revocation,
  type RevokedKind,
  type RevokedName,
  revokedName,
} from './revocation.ts'
import type { Session } from './session.ts'

/** Some 250 bytes each, in every thread. */
export const REVOCATIONS_MAX = 1_000_000
/** How long a logout token's `jti` is remembered. The token counts for 2 minutes before and after its `iat`. */
const LOGOUT_MS = 240_000
/** Rows that each addition checks, so that those that are over leave. */
const SWEPT_AT_ONCE = 4
/** Least time between two checks of all rows of a table that is full. */
const SWEEP_ALL_MS = 60_000

/** A wall clock and a monotonic one: src/stream/clock.ts. */
export interface TwoClocks {
  nowMs(): number
  epochMs(): number
}

/** What is remembered of a revocation, or of a logout token that was used. */
export interface RevocationRow {
  readonly kind: RevokedKind | 'logout'
  readonly issuer: string
  /** Of the subject, session, token or client; `jti` of the logout token. */
  readonly name: string
  readonly beforeMs: number
  readonly untilMs: number
}

/**
 * When a row is over: once the wall clock is past `untilMs` and the time that was left has also passed by the monotonic
 * clock. So no row leaves because the wall clock was set forward for a while.
 */
interface Over {
  readonly untilMs: number
  readonly leftUntilMs: number
}

interface Entry extends Over {
  readonly beforeMs: number
}

export class Revocations {
  private readonly clocks: TwoClocks
  private readonly rowsMax: number
  private readonly entries = new Map<string, Entry>()
  /** Goes round the entries, a few at each addition. */
  private sweeping = this.entries.entries()
  private sweptAllAtMs = Number.NEGATIVE_INFINITY
  /** When all rows are over that there was no room for; null if there was room for each. */
  private lost: Over | null = null

  constructor(clocks: TwoClocks, rowsMax = REVOCATIONS_MAX) {
    this.clocks = clocks
    this.rowsMax = rowsMax
  }

  get size(): number {
    return this.entries.size
  }

  /** Whether a token may be accepted that was revoked, because there was no room to remember it. */
  get isFull(): boolean {
    if (this.lost !== null && this.isOver(this.lost)) this.lost = null
    return this.lost !== null
  }

  /** Of several revocations of one name the latest counts, in any order of arrival. */
  add(revocation: Revocation): void {
    const { issuer, beforeMs, untilMs, jti } = revocation
    const [kind, name] = revokedName(revocation)
    this.put({ kind, issuer, name, beforeMs, untilMs })
    if (jti !== null) this.put({ kind: 'logout', issuer, name: jti, beforeMs, untilMs: beforeMs + LOGOUT_MS })
  }

  /** Does nothing if the row is over. */
  put(row: RevocationRow): void {
    this.sweep(SWEPT_AT_ONCE)
    const key = keyOf(row.kind, row.issuer, row.name)
    const known = this.entries.get(key)
    const over = this.latest(row.untilMs, known)
    if (this.isOver(over)) return
    if (known === undefined && !this.hasRoom()) this.lost = this.latest(row.untilMs, this.lost ?? undefined)
    else this.entries.set(key, { ...over, beforeMs: Math.max(row.beforeMs, known?.beforeMs ?? row.beforeMs) })
  }

  refuses(session: Session): boolean {
    return (
      this.entries.size > 0 &&
      REVOKED_KINDS.some((kind) => {
        const name = nameIn(session, kind)
        const entry = name === null ? undefined : this.entries.get(keyOf(kind, session.issuer, name))
        return entry !== undefined && !this.isOver(entry) && isIssuedBefore(session, entry.beforeMs)
      })
    )
  }

  /** Whether a logout token with this `jti` was used. */
  hasUsed(issuer: string, jti: string): boolean {
    const entry = this.entries.get(keyOf('logout', issuer, jti))
    return entry !== undefined && !this.isOver(entry)
  }

  /** All rows, for another thread. One that is added before the last was read is among them. */
  *rows(): Generator<RevocationRow> {
    for (const [key, { beforeMs, untilMs }] of this.entries) yield { ...namedBy(key), beforeMs, untilMs }
  }

  /** The later of two ends, by each clock. */
  private latest(untilMs: number, known: Over | undefined): Over {
    const leftUntilMs = this.clocks.nowMs() + untilMs - this.clocks.epochMs()
    if (known === undefined) return { untilMs, leftUntilMs }
    return {
      untilMs: Math.max(untilMs, known.untilMs),
      leftUntilMs: Math.max(leftUntilMs, known.leftUntilMs),
    }
  }

  private isOver({ untilMs, leftUntilMs }: Over): boolean {
    return this.clocks.epochMs() >= untilMs && this.clocks.nowMs() >= leftUntilMs
  }

  private hasRoom(): boolean {
    const nowMs = this.clocks.nowMs()
    if (this.entries.size >= this.rowsMax && nowMs - this.sweptAllAtMs >= SWEEP_ALL_MS) {
      this.sweptAllAtMs = nowMs
      this.sweeping = this.entries.entries()
      this.sweep(this.entries.size)
    }
    return this.entries.size < this.rowsMax
  }

  private sweep(count: number): void {
    for (let left = count; left > 0; left--) {
      const { done, value } = this.sweeping.next()
      if (done) {
        this.sweeping = this.entries.entries()
        return
      }
      const [key, entry] = value
      if (this.isOver(entry)) this.entries.delete(key)
    }
  }
}

/** The revocation that a row is of; null for one of a logout token. */
export function revocationIn({ kind, issuer, name, beforeMs, untilMs }: RevocationRow): Revocation | null {
  if (kind === 'logout') return null
  const on = { [kind]: name } as RevokedName // of this kind
  return { issuer, on, beforeMs, untilMs, jti: null, reason: null }
}

/** The issuer's length tells where it ends. */
function keyOf(kind: RevocationRow['kind'], issuer: string, name: string): string {
  return `${kind} ${issuer.length} ${issuer}${name}`
}

function namedBy(key: string): Pick<RevocationRow, 'kind' | 'issuer' | 'name'> {
  const [kind = '', length = ''] = key.split(' ', 2)
  const from = kind.length + length.length + 2
  const to = from + Number(length)
  return { kind: kind as RevocationRow['kind'], issuer: key.slice(from, to), name: key.slice(to) } // keyOf made it
}
