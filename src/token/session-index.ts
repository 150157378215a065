// Finds what is held by a session that a revocation names: by subject, provider's session, token and client. Promise:
// adding, removing and finding take time for the found alone, however many others there are.

import { nameIn, REVOKED_KINDS, type Revocation, type RevokedKind, revokedName } from './revocation.ts'
import type { Session } from './session.ts'

/** What one session holds. A set only from the second one on, because most names are of one. */
export type Held<T> = T | Set<T>

export class SessionIndex<T extends object> {
  private readonly byIssuer = new Map<string, Readonly<Record<RevokedKind, Map<string, Held<T>>>>>()

  /** `session`: the one that holds it. Before it gets another one, it must be removed. */
  add(held: T, session: Session): void {
    const names = this.namesOf(session.issuer)
    for (const kind of REVOKED_KINDS) {
      const name = nameIn(session, kind)
      if (name !== null) put(names[kind], name, held)
    }
  }

  /** `session`: the one that it was added with. */
  remove(held: T, session: Session): void {
    const names = this.byIssuer.get(session.issuer)
    if (names === undefined) return
    for (const kind of REVOKED_KINDS) {
      const name = nameIn(session, kind)
      if (name !== null) take(names[kind], name, held)
    }
    if (REVOKED_KINDS.every((kind) => names[kind].size === 0)) this.byIssuer.delete(session.issuer)
  }

  /**
   * What is held by sessions of this name, whenever their tokens were issued; null for nothing. A set is the index's
   * own: what is removed leaves it.
   */
  named(revocation: Revocation): Held<T> | null {
    const [kind, name] = revokedName(revocation)
    return this.byIssuer.get(revocation.issuer)?.[kind].get(name) ?? null
  }

  private namesOf(issuer: string): Readonly<Record<RevokedKind, Map<string, Held<T>>>> {
    const known = this.byIssuer.get(issuer)
    if (known !== undefined) return known
    const made = { sub: new Map(), sid: new Map(), jti: new Map(), client: new Map() }
    this.byIssuer.set(issuer, made)
    return made
  }
}

function put<T extends object>(names: Map<string, Held<T>>, name: string, held: T): void {
  const known = names.get(name)
  if (known === undefined) names.set(name, held)
  else if (known instanceof Set) known.add(held)
  else if (known !== held) names.set(name, new Set([known, held]))
}

function take<T extends object>(names: Map<string, Held<T>>, name: string, held: T): void {
  const known = names.get(name)
  if (known === held) names.delete(name)
  else if (known instanceof Set && known.delete(held) && known.size === 0) names.delete(name)
}
