// Settings of tokens: where a request carries them, which claims they must have, and which keys verify them.

import type { AuthOptions } from '../options.ts'
import { RSA_ALGORITHMS } from '../token/key-setting.ts'
import { HOST_COOKIE_PREFIX } from '../token/request-origin.ts'
import { ISSUER_SETTINGS } from './auth/issuer-settings.ts'
import type { Setting } from './setting.ts'

const TOKEN_CHARACTERS = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"

const { issuer, audiences, clients, keys, typ, scopeClaims, require, lifetimeSecondsMax } = ISSUER_SETTINGS

export const AUTH_SETTINGS: Record<keyof AuthOptions, Setting> = {
  issuers: {
    type: 'array',
    description: 'Identity providers whose tokens are accepted',
    expects: 'a list of 1 to 100 issuers',
    minItems: 1,
    maxItems: 100,
    items: {
      type: 'object',
      description: 'An issuer',
      additionalProperties: false,
      properties: ISSUER_SETTINGS,
    },
  },
  issuer: { ...issuer, env: 'JWT_ISSUER' },
  audience: {
    type: ['string', 'array'],
    env: 'JWT_AUDIENCE',
    description: audiences.description,
    expects: '1 to 100 texts of 1 to 1000 characters, separated by commas',
    minLength: 1,
    maxLength: 1000,
    minItems: 1,
    maxItems: 100,
    items: audiences.items,
  },
  clients: {
    ...clients,
    env: 'JWT_CLIENTS',
    expects: '1 to 100 texts of 1 to 1000 characters, separated by commas',
  },
  keys: { ...keys, env: 'JWT_KEYS' },
  typ: { ...typ, env: 'JWT_TYP' },
  scopeClaim: {
    type: ['string', 'array'],
    env: 'JWT_SCOPE_CLAIM',
    description: scopeClaims.description,
    expects: '1 to 20 names or paths of claims, of 1 to 200 characters, separated by commas',
    minLength: 1,
    maxLength: 200,
    minItems: 1,
    maxItems: 20,
    items: scopeClaims.items,
    default: 'scope',
  },
  require: {
    ...require,
    env: 'JWT_REQUIRE',
    expects: 'at most 20 pairs such as token_use=access, separated by commas, each claim once',
  },
  lifetimeSecondsMax: {
    ...lifetimeSecondsMax,
    env: 'JWT_LIFETIME_MAX_SECONDS',
    description: `${lifetimeSecondsMax.description}. Also of a [host's session](#a-hosts-own-authentication)`,
  },
  algorithm: {
    type: 'string',
    env: 'JWT_ALGORITHM',
    description: '`alg` of RSA keys that name none; a key of any other type has only one',
    enum: RSA_ALGORITHMS,
    default: 'RS256',
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
  logoutPath: {
    type: 'string',
    nullable: true,
    env: 'LOGOUT_PATH',
    description:
      "Path at which identity providers say that a user's session is over (OpenID Connect Back-Channel Logout): see " +
      '[below](#back-channel-logout)',
    expects: 'a path such as /logout',
    pattern: '^/[A-Za-z0-9._~/-]+$',
    maxLength: 1000,
    default: null,
  },
  renewBy: {
    type: 'string',
    env: 'JWT_RENEW_BY',
    description:
      'What a renewal must have the same as the token that opened the stream: issuer and subject alone, or also ' +
      'session (`sid`, else `session_id`) and client (`azp`, else `client_id`, `appid` or `cid`) where that token had them',
    enum: ['session', 'subject'],
    default: 'session',
  },
  clockToleranceSeconds: {
    type: 'number',
    env: 'JWT_CLOCK_TOLERANCE_SECONDS',
    description:
      'How far clocks may differ: a stream ends so much after `exp`. For `nbf` and `iat` it is 5 s at the least, and ' +
      'for `iat` 60 s at most',
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
      "The host application's own authentication, which replaces all options above but `renewBy` and " +
      '`lifetimeSecondsMax`: see [below](#a-hosts-own-authentication)',
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
