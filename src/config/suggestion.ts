// Suggestions for names that are none of ours: what other programs call a setting, and for a misspelt one the nearest
// known name, if it is near enough.

/** Characters that are compared: the time for a distance grows with the square of the length. */
const COMPARED_MAX = 100

/** What other programs call a variable of ours. */
const COMMON_NAMES: Readonly<Record<string, readonly string[]>> = {
  KAFKA_BOOTSTRAP_SERVERS: [
    'BOOTSTRAP_SERVERS',
    'KAFKA_BOOTSTRAP_SERVER',
    'KAFKA_BROKER',
    'KAFKA_BROKERS',
    'KAFKA_BROKERS_LIST',
    'KAFKA_BROKER_LIST',
    'KAFKA_BROKER_URL',
    'KAFKA_BROKER_URLS',
    'KAFKA_HOST',
    'KAFKA_HOSTS',
    'KAFKA_SERVER',
    'KAFKA_SERVERS',
    'KAFKA_URL',
    'KAFKA_URLS',
  ],
  KAFKA_CONFIG_CLIENT_ID: ['KAFKA_CLIENT_ID'],
  KAFKA_CONFIG_SASL_MECHANISMS: ['KAFKA_MECHANISM', 'KAFKA_SASL_MECHANISM', 'KAFKA_SASL_MECHANISMS'],
  KAFKA_CONFIG_SASL_PASSWORD: ['KAFKA_PASSWORD', 'KAFKA_SASL_PASSWORD'],
  KAFKA_CONFIG_SASL_USERNAME: ['KAFKA_SASL_USER', 'KAFKA_SASL_USERNAME', 'KAFKA_USER', 'KAFKA_USERNAME'],
  KAFKA_CONFIG_SECURITY_PROTOCOL: ['KAFKA_PROTOCOL', 'KAFKA_SECURITY_PROTOCOL'],
  KAFKA_CONFIG_SSL_CA_LOCATION: ['KAFKA_CA', 'KAFKA_CA_FILE', 'KAFKA_SSL_CA', 'KAFKA_SSL_CA_LOCATION'],
  JWT_AUDIENCE: ['JWT_AUD', 'OIDC_AUDIENCE', 'OAUTH_AUDIENCE'],
  JWT_ISSUER: ['JWT_ISS', 'OAUTH_ISSUER', 'OIDC_AUTHORITY', 'OIDC_ISSUER', 'OIDC_ISSUER_URL'],
  JWT_KEYS: [
    'JWKS',
    'JWKS_FILE',
    'JWKS_URI',
    'JWKS_URL',
    'JWT_JWKS',
    'JWT_JWKS_URI',
    'JWT_JWKS_URL',
    'JWT_PUBLIC_KEY',
    'OIDC_JWKS_URI',
    'OIDC_JWKS_URL',
  ],
  JWT_SCOPE: ['JWT_SCOPES', 'OIDC_SCOPE'],
  CORS_ORIGINS: ['ALLOWED_ORIGINS', 'CORS_ALLOWED_ORIGINS', 'CORS_ALLOW_ORIGIN', 'CORS_ORIGIN'],
  TLS_CERT_FILE: ['TLS_CERT', 'TLS_CERTIFICATE', 'TLS_CERT_PATH', 'TLS_CRT', 'TLS_CRT_FILE'],
  TLS_KEY_FILE: ['TLS_KEY', 'TLS_KEY_PATH', 'TLS_PRIVATE_KEY'],
}

const MEANT_BY: ReadonlyMap<string, string> = new Map(
  Object.entries(COMMON_NAMES).flatMap(([ours, names]) => names.map((name) => [name, ours])),
)

/** The variable of ours that other programs call by this name; null if there is none. */
export function commonNameOf(name: string): string | null {
  return MEANT_BY.get(name) ?? null
}

/**
 * The known name with the smallest edit distance; null if that distance is more than `editsMax`, or more than both 2
 * and a quarter of the known name's length.
 */
export function nearestName(
  name: string,
  known: Iterable<string>,
  editsMax = Number.POSITIVE_INFINITY,
): string | null {
  let nearest: string | null = null
  let fewest = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    if (Math.abs(name.length - candidate.length) > editsMax) continue
    const edits = editDistance(name.toUpperCase(), candidate.toUpperCase())
    const allowed = Math.min(editsMax, Math.max(2, Math.floor(candidate.length / 4)))
    if (edits <= allowed && edits < fewest) [nearest, fewest] = [candidate, edits]
  }
  return nearest
}

/** Optimal string alignment distance: an insertion, deletion, substitution or swap of neighbours counts 1. */
function editDistance(from: string, to: string): number {
  const [left, right] = [from.slice(0, COMPARED_MAX), to.slice(0, COMPARED_MAX)]
  let beforeLast: number[] = []
  let last = Array.from({ length: right.length + 1 }, (_, at) => at)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let at = 1; at <= right.length; at++) {
      const differs = left[row - 1] === right[at - 1] ? 0 : 1
      const swapped =
        row > 1 && at > 1 && left[row - 1] === right[at - 2] && left[row - 2] === right[at - 1]
          ? (beforeLast[at - 2] ?? 0) + 1
          : Number.POSITIVE_INFINITY
      current[at] = Math.min(
        (last[at] ?? 0) + 1,
        (current[at - 1] ?? 0) + 1,
        (last[at - 1] ?? 0) + differs,
        swapped,
      )
    }
    ;[beforeLast, last] = [last, current]
  }
  return last[right.length] ?? 0
}
