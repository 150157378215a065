// Settings of tokens: where a request carries them, which claims they must have, and which keys verify them.

import type { AuthOptions } from '../options.ts'
import { RSA_ALGORITHMS } from '../token/key-setting.ts'
import { HOST_COOKIE_PREFIX } from '../token/request-origin.ts'
import type { Setting } from './setting.ts'
import { TEXT_BYTES_MAX } from './text-file.ts'

const TOKEN_CHARACTERS = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"

export const AUTH_SETTINGS: Record<keyof AuthOptions, Setting> = {
  issuer: {
    type: 'string',
    env: 'JWT_ISSUER',
    description: "`iss` that a token must carry: the identity provider's address, character by character",
    expects: 'text of 1 to 1000 characters',
    minLength: 1,
    maxLength: 1000,
  },
  audience: {
    type: 'string',
    env: 'JWT_AUDIENCE',
    description: '`aud` that a token must carry, alone or among others',
    expects: 'text of 1 to 1000 characters',
    minLength: 1,
    maxLength: 1000,
  },
  keys: {
    type: 'string',
    env: 'JWT_KEYS',
    description:
      'URL of a JWKS, path of a JWKS, JWK or PEM file, or the text of such a file. ' +
      "Default: the key set that the issuer's discovery document names",
    expects: 'a URL, a path or PEM text',
    secret: true,
    minLength: 1,
    maxLength: TEXT_BYTES_MAX,
  },
  algorithm: {
    type: 'string',
    env: 'JWT_ALGORITHM',
    description: '`alg` of RSA keys that name none; a key of any other type has only one',
    enum: RSA_ALGORITHMS,
    default: 'RS256',
  },
  scopeClaim: {
    type: 'string',
    env: 'JWT_SCOPE_CLAIM',
    description: 'Claim that holds the scopes, separated by spaces or as an array',
    expects: 'text of 1 to 200 characters',
    minLength: 1,
    maxLength: 200,
    default: 'scope',
  },
  queryToken: {
    type: 'boolean',
    env: 'JWT_QUERY_TOKEN',
    description: 'Read `?access_token=` if there is no Authorization header',
    default: true,
  },
  cookie: {
    type: 'string',
    nullable: true,
    env: 'JWT_COOKIE',
    description: 'Read the token from the cookie of this name: see [below](#a-token-in-a-cookie)',
    expects: `the name of a cookie that begins with ${HOST_COOKIE_PREFIX}`,
    pattern: `^${HOST_COOKIE_PREFIX}${TOKEN_CHARACTERS}$`,
    maxLength: 200,
    default: null,
  },
  renewBy: {
    type: 'string',
    env: 'JWT_RENEW_BY',
    description:
      'What a renewal must have the same as the token that opened the stream: issuer and subject alone, or also ' +
      '`sid` and the client (`azp`, else `client_id`, else `appid`) where that token had them',
    enum: ['session', 'subject'],
    default: 'session',
  },
  clockToleranceSeconds: {
    type: 'number',
    env: 'JWT_CLOCK_TOLERANCE_SECONDS',
    description: 'How far clocks may differ for `exp` and `nbf`; a stream ends at `exp` in any case',
    minimum: 0,
    maximum: 300,
    default: 0,
  },
  jwksTimeoutMs: {
    type: 'integer',
    env: 'JWT_JWKS_TIMEOUT_MS',
    description: 'Time limit of one fetch of the key set, from the connection to the last byte',
    minimum: 10,
    maximum: 60_000,
    default: 5_000,
  },
  jwksCooldownMs: {
    type: 'integer',
    env: 'JWT_JWKS_COOLDOWN_MS',
    description:
      'Unknown keys may cause five fetches at once, and one more each time this has passed; ' +
      'a failed fetch is repeated after it',
    minimum: 10,
    maximum: 3_600_000,
    default: 30_000,
  },
  jwksMaxAgeMs: {
    type: 'integer',
    env: 'JWT_JWKS_MAX_AGE_MS',
    description: 'Age of a key set whose answer names none; at four fifths of its age it is fetched again',
    minimum: 10,
    maximum: 86_400_000,
    default: 600_000,
  },
  jwksStaleMs: {
    type: 'integer',
    env: 'JWT_JWKS_STALE_MS',
    description: 'How long beyond its age a key set is still used while fetches fail',
    minimum: 0,
    maximum: 604_800_000,
    default: 3_600_000,
  },
  resourceUrl: {
    type: 'string',
    nullable: true,
    env: 'RESOURCE_URL',
    description:
      'What the streams are called as an OAuth resource. Clients then find the issuer at ' +
      '`/.well-known/oauth-protected-resource`: see [below](#telling-clients-where-tokens-come-from)',
    expects: 'an https URL without query, whose path has letters, digits, ._~- and slashes',
    pattern: '^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?$',
    maxLength: 1000,
    default: null,
  },
  authenticate: {
    callable: true,
    description:
      "The host application's own authentication, which replaces all options above but `renewBy`: " +
      'see [below](#a-hosts-own-authentication)',
    expects: 'a function that takes a request and resolves with a session or null',
  },
}

/** The numbers that plugins/auth also checks, because it may be registered without the schema's validation. */
export const AUTH_LIMITS = [
  'clockToleranceSeconds',
  'jwksTimeoutMs',
  'jwksCooldownMs',
  'jwksMaxAgeMs',
  'jwksStaleMs',
] as const satisfies readonly (keyof AuthOptions)[]
