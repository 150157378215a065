// A session: who holds it, which scopes it grants, and when it ends. plugins/auth makes it of a token, and a stream
// lasts as long as its session.

/** The scope that a stream asks for and a host's session has, unless its options or its answer name another. */
export const DEFAULT_SCOPE = 'proxy:stream'

/** What a verified token says. Holds the token's digest, not the token. */
export interface Session {
  readonly issuer: string
  /** null where the token has no `sub` (RFC 7519 4.1.2). */
  readonly subject: string | null
  readonly scopes: ReadonlySet<string>
  /** The token's `exp` in epoch ms. */
  readonly expiresAtMs: number
  /** The token's `iat` in epoch ms; null where it has none. */
  readonly issuedAtMs: number | null
  /** The provider's session with the user: `sid`, else `session_id`. null where the token has none. */
  readonly sessionId: string | null
  /** The application that the token was issued to: `azp`, else `client_id`, `appid` or `cid`. null: it has none. */
  readonly client: string | null
  /** `jti`; null where the token has none. */
  readonly tokenId: string | null
  /** SHA-256 of the canonical token, base64url. Identifies the session of a token without a subject. */
  readonly tokenDigest: string
  /** The verified claims. Options may refer to them. */
  readonly claims: Readonly<Record<string, unknown>>
}

const isText = (value: unknown) => typeof value === 'string'
const isName = (value: unknown) => value === null || (isText(value) && value !== '')

const IS_VALID: Readonly<Record<keyof Session, (value: unknown) => boolean>> = {
  issuer: isText,
  subject: isName,
  scopes: (value) => value instanceof Set,
  expiresAtMs: Number.isFinite,
  issuedAtMs: (value) => value === null || Number.isFinite(value),
  sessionId: isName,
  client: isName,
  tokenId: isName,
  tokenDigest: isText,
  claims: (value) => typeof value === 'object' && value !== null,
}
const FIELDS = Object.entries(IS_VALID) as [keyof Session, (value: unknown) => boolean][]

/** What a host's own authenticator has made is no session. `field`: the wrong one; null if it is no object at all. */
export class NoSession extends TypeError {
  readonly field: keyof Session | null

  constructor(field: keyof Session | null) {
    super(field === null ? 'it is no object' : `a session's ${field} is not what the type Session says`)
    this.field = field
  }
}

/**
 * Throws a NoSession if a host's own authenticator has made something else. Without its end a stream would never end,
 * and without their names all users would be one, whose renewals hold each other's streams.
 */
export function requireSession(session: Session): void {
  if (typeof session !== 'object' || session === null) throw new NoSession(null)
  for (const [name, isValid] of FIELDS) if (!isValid(session[name])) throw new NoSession(name)
}

/**
 * What a host's `authenticate` resolves with for a request that it accepts; null for one that it refuses. Other
 * replicas are told its names as they are, so none may be a credential: of the value of a session's cookie give a hash.
 */
export interface HostSession {
  /** Identifies the user: not empty, and different for each user. Streams are counted and renewed by it. */
  readonly subject: string
  /** When the stream ends: a date, or epoch ms. At most the end of the year 9999. */
  readonly expiresAt: Date | number
  /** Who vouches for the subject, if the host knows several. A renewal must have the same. Default: `''`. */
  readonly issuer?: string
  /** The scopes that the session grants: names, or text that separates them by spaces. Default: `proxy:stream`. */
  readonly scopes?: Iterable<string> | string
  /** When the session was issued: a date, or epoch ms. Default: unknown, so that each revocation of it counts. */
  readonly issuedAt?: Date | number | null
  /** The user's session, if a user may have several. A renewal must have the same: see `renewBy`. Default: none. */
  readonly sessionId?: string | null
  /** The application that acts for the user. A renewal must have the same: see `renewBy`. Default: none. */
  readonly client?: string | null
  /** Identifies this session alone, so that it can be revoked by itself. Default: none. */
  readonly tokenId?: string | null
  /** What `{token.CLAIM}` stands for in a stream's options: data, no functions. Default: `{}`, which grants nothing. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** `expiresAtMs` is the former name of `expiresAt`, in epoch ms. One of the two is required. */
export type HostAnswer = HostSession | (Omit<HostSession, 'expiresAt'> & { readonly expiresAtMs: number })
