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

/** Some 220 bytes each, in every thread. */
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

/** Both clocks, read once for all that one call compares. */
interface Now {
  readonly nowMs: number
  readonly epochMs: number
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
    if (this.lost !== null && isOver(this.lost, this.now())) this.lost = null
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
    const now = this.now()
    this.sweep(SWEPT_AT_ONCE, now)
    const key = keptKeyOf(row)
    const known = this.entries.get(key)
    const over = latest(row.untilMs, known, now)
    if (isOver(over, now)) return
    const beforeMs = Math.max(row.beforeMs, known?.beforeMs ?? row.beforeMs)
    const { untilMs, leftUntilMs } = over
    if (known !== undefined || this.hasRoom(now)) this.entries.set(key, { beforeMs, untilMs, leftUntilMs })
    else this.lost = latest(row.untilMs, this.lost ?? undefined, now)
  }

  refuses(session: Session): boolean {
    return (
      this.entries.size > 0 &&
      REVOKED_KINDS.some((kind) => {
        const name = nameIn(session, kind)
        const entry = name === null ? null : this.find(kind, session.issuer, name)
        return entry !== null && isIssuedBefore(session, entry.beforeMs)
      })
    )
  }

  /** Whether a logout token with this `jti` was used. */
  hasUsed(issuer: string, jti: string): boolean {
    return this.find('logout', issuer, jti) !== null
  }

  /** All rows, for another thread. One that is added before the last was read is among them. */
  *rows(): Generator<RevocationRow> {
    for (const [key, { beforeMs, untilMs }] of this.entries) yield { ...namedBy(key), beforeMs, untilMs }
  }

  /** null if it is over. */
  private find(kind: RevocationRow['kind'], issuer: string, name: string): Entry | null {
    const entry = this.entries.get(keyOf(kind, issuer, name))
    return entry === undefined || isOver(entry, this.now()) ? null : entry
  }

  private now(): Now {
    return { nowMs: this.clocks.nowMs(), epochMs: this.clocks.epochMs() }
  }

  private hasRoom(now: Now): boolean {
    if (this.entries.size >= this.rowsMax && now.nowMs - this.sweptAllAtMs >= SWEEP_ALL_MS) {
      this.sweptAllAtMs = now.nowMs
      this.sweeping = this.entries.entries()
      this.sweep(this.entries.size, now)
    }
    return this.entries.size < this.rowsMax
  }

  private sweep(count: number, now: Now): void {
    for (let left = count; left > 0; left--) {
      const { done, value } = this.sweeping.next()
      if (done) {
        this.sweeping = this.entries.entries()
        return
      }
      const [key, entry] = value
      if (isOver(entry, now)) this.entries.delete(key)
    }
  }
}

/** The later of two ends, by each clock. */
function latest(untilMs: number, known: Over | undefined, { nowMs, epochMs }: Now): Over {
  const leftUntilMs = nowMs + untilMs - epochMs
  if (known === undefined) return { untilMs, leftUntilMs }
  return {
    untilMs: Math.max(untilMs, known.untilMs),
    leftUntilMs: Math.max(leftUntilMs, known.leftUntilMs),
  }
}

function isOver({ untilMs, leftUntilMs }: Over, { nowMs, epochMs }: Now): boolean {
  return epochMs >= untilMs && nowMs >= leftUntilMs
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

/** The same for keeping: V8 keeps a template's parts, too, which is twice the size. */
function keptKeyOf({ kind, issuer, name }: RevocationRow): string {
  return [kind, issuer.length, issuer + name].join(' ')
}

function namedBy(key: string): Pick<RevocationRow, 'kind' | 'issuer' | 'name'> {
  const [kind = '', length = ''] = key.split(' ', 2)
  const from = kind.length + length.length + 2
  const to = from + Number(length)
  return { kind: kind as RevocationRow['kind'], issuer: key.slice(from, to), name: key.slice(to) } // keyOf made it
}
