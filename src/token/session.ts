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
