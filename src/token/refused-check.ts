// The words for what makes a token, ticket, logout token or session refused: for the log, and a label of a metric.

/** All of them, so that the metric has each from the start. */
export const REFUSED_CHECKS = [
  'missing',
  // Before the signature is looked at.
  'spelling',
  'malformed',
  'iss',
  'crit',
  'typ',
  'exp',
  'expired',
  'lifetime',
  'nbf',
  'iat',
  'aud',
  'client',
  'sub',
  'sid',
  'jti',
  'cnf',
  'events',
  'required claim',
  // The key and the signature.
  'keys unavailable',
  'algorithm',
  'key',
  'signature',
  'too many failures',
  // Of a good token.
  'revoked',
  'scope',
  'origin',
  // Of a logout token.
  'nonce',
  'sub or sid',
  // Of a ticket.
  'unreadable',
  'stream',
  'ahead',
  'redeemed',
  'unavailable',
] as const

export type RefusedCheck = (typeof REFUSED_CHECKS)[number]
