// For `auth.authenticate`: a user's session that a cookie names, as your login has set it.

import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { HostAnswer } from 'fastify-kafka-sse'

/** Times in epoch ms. */
interface UserSession {
  readonly userId: string
  readonly createdAt: number
  readonly expiresAt: number
}

/** Your store of sessions. A Map is one. */
interface SessionStore {
  get(id: string): UserSession | undefined | Promise<UserSession | undefined>
}

/** A stream asks for the session again this often: who has signed out, or was signed out, loses it. */
const CHECK_EVERY_MS = 15 * 60_000

/**
 * For `app.kafkaSse.revoke({ sid: sessionName(id) })` at a sign-out, which ends the streams at once. Not the id itself:
 * who knows that is signed in, and the control topic tells the names of sessions.
 */
export function sessionName(id: string): string {
  return createHash('sha256').update(id).digest('base64url')
}

export function bySessionCookie(sessions: SessionStore, name = '__Host-session') {
  return async ({ headers }: FastifyRequest): Promise<HostAnswer | null> => {
    // Browsers send cookies for pages of other sites, too.
    if (!isOwnPage(headers)) return null
    const id = cookieOf(headers.cookie ?? '', name)
    const session = id === null ? undefined : await sessions.get(id)
    if (id === null || session === undefined) return null
    const { userId: subject, createdAt: issuedAt } = session
    const expiresAt = Math.min(session.expiresAt, Date.now() + CHECK_EVERY_MS)
    return { subject, issuedAt, expiresAt, sessionId: sessionName(id) }
  }
}

/** `none`: the user has typed the address. A client that is no browser sends neither header. */
function isOwnPage({ 'sec-fetch-site': site, origin, ...headers }: IncomingHttpHeaders): boolean {
  const authority = headers[':authority'] ?? headers.host // the one of HTTP/2, or of HTTP/1.1
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === authority)
}

/**
 * Null also if there are two of the name: a neighbouring host may have set one. No `trim`, because it removes more than
 * browsers do, and they take `U+00A0 __Host-session` from any host.
 */
function cookieOf(header: string, name: string): string | null {
  const [pair, ...others] = header.split('; ').filter((text) => text.startsWith(`${name}=`))
  return pair === undefined || others.length > 0 ? null : pair.slice(name.length + 1)
}
