// Who holds a stream open, what for, and until when. plugins/auth makes sessions of tokens; streams live by them.

/** What a verified token says. Holds no token: only its digest, for tokens that name no subject. */
export interface Session {
  readonly issuer: string
  /** null where the token has no `sub` (RFC 7519 4.1.2). */
  readonly subject: string | null
  readonly scopes: ReadonlySet<string>
  /** The token's `exp` in epoch ms. */
  readonly expiresAtMs: number
  /** SHA-256 of the canonical token, base64url: equal for the same token however it was spelled. */
  readonly tokenDigest: string
  /** The verified claims, for options that refer to them. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** What a host's `authenticate` resolves with for a request that it lets in; null for one that it does not. */
export interface HostSession {
  /** Who it is. Streams are counted and renewed by it: text that is not empty, and another one for each user. */
  readonly subject: string
  /** Until when the stream may stay open: a date, or epoch ms. At the latest the end of the year 9999. */
  readonly expiresAt: Date | number
  /** Who vouches for the subject, where the host knows several; a renewal is by the same. Default: `''`. */
  readonly issuer?: string
  /** What a stream's `scope` is looked for in: names, or text that separates them by spaces. Default: `proxy:stream`. */
  readonly scopes?: Iterable<string> | string
  /** What options that refer to claims find: data, no functions. Default: `{}`. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** The former name of `expiresAt`, in epoch ms: one of the two has to be there. */
export type HostAnswer = HostSession | (Omit<HostSession, 'expiresAt'> & { readonly expiresAtMs: number })
