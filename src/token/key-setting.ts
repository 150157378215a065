// What `auth.keys` may be, and which algorithms its keys may have. The configuration's check and plugins/auth both use
// it. Promise: no message about an invalid setting quotes it, because it may be a secret.

/** `alg` of RSA keys, the only kind that fits several algorithms (RFC 7518 sections 3.3 and 3.5). */
export const RSA_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const
/** Every `alg` that a token may be signed with. */
export const ALGORITHMS = [...RSA_ALGORITHMS, 'ES256', 'ES384', 'ES512', 'EdDSA'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

/**
 * Names that RFC 9864 gives EdDSA, one for each of its curves. A key or a token may have them in place of `EdDSA`; a
 * name fits only keys of its own curve.
 */
export const CURVE_NAMES = ['Ed25519', 'Ed448'] as const

export function isAlgorithm(name: unknown): name is Algorithm {
  return ALGORITHMS.some((algorithm) => algorithm === name)
}

export function isCurveName(name: unknown): name is (typeof CURVE_NAMES)[number] {
  return CURVE_NAMES.some((curve) => curve === name)
}

export type KeySetting =
  /** Of a JWKS, or of a discovery document that names one. */
  | { readonly kind: 'url'; readonly url: URL }
  /** PEM, a JWK or a JWKS. */
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string }
  /** `words` is a predicate, to be put behind the setting's name. */
  | { readonly kind: 'wrong'; readonly words: string }

export function keySetting(keys: string): KeySetting {
  if (/^https?:\/\//i.test(keys)) return urlSetting(keys)
  if (/^\s*\{/.test(keys) || keys.includes('-----BEGIN ')) return { kind: 'text', text: keys }
  // A path has no line end. Text with one may be a key whose first line was lost.
  if (keys.trim() === '' || /[\r\n]/.test(keys)) return wrong('is neither a URL, a file nor PEM text')
  return { kind: 'file', path: keys }
}

/** Begins or ends as a path does. A shared secret that was taken for a setting of keys seldom does. */
const LIKE_A_PATH = /^(?:\.{0,2}[\\/]|[A-Za-z]:)|\.[A-Za-z0-9]{1,8}$/

/** The path of a file that cannot be read, for a message. */
export function keyPathWords(path: string): string {
  return LIKE_A_PATH.test(path) ? path : 'the file that it names'
}

function urlSetting(keys: string): KeySetting {
  if (!URL.canParse(keys)) return wrong('is not a valid URL')
  const url = new URL(keys)
  // `fetch` refuses a URL with credentials and quotes it; log lines name the URL, too.
  if (url.username !== '' || url.password !== '') return wrong('is a URL without a user or password')
  return { kind: 'url', url }
}

function wrong(words: string): KeySetting {
  return { kind: 'wrong', words }
}
