// For `auth.authenticate`: a user's session that a cookie names, as your login has set it.

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

export function bySessionCookie(sessions: SessionStore, name = '__Host-session') {
  return async ({ headers }: FastifyRequest): Promise<HostAnswer | null> => {
    // Browsers send cookies for pages of other sites, too.
    if (!isOwnPage(headers)) return null
    const id = cookieOf(headers.cookie ?? '', name)
    const session = id === null ? undefined : await sessions.get(id)
    if (id === null || session === undefined) return null
    const { userId: subject, createdAt: issuedAt, expiresAt } = session
    return { subject, issuedAt, expiresAt, sessionId: id }
  }
}

/** `none`: the user has typed the address. A client that is no browser sends neither header. */
function isOwnPage({ 'sec-fetch-site': site, origin, ...headers }: IncomingHttpHeaders): boolean {
  const authority = headers[':authority'] ?? headers.host // the one of HTTP/2, or of HTTP/1.1
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === authority)
}

function cookieOf(header: string, name: string): string | null {
  const pair = header.split(';').find((text) => text.trim().startsWith(`${name}=`))
  return pair === undefined ? null : pair.trim().slice(name.length + 1)
}
