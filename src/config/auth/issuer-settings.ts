// Settings of an issuer: what its tokens must say, and which keys verify them.

import type { IssuerOptions } from '../../options.ts'
import type { Setting } from '../setting.ts'
import { TEXT_BYTES_MAX } from '../text-file.ts'

const NAME = {
  type: 'string',
  expects: 'text of 1 to 1000 characters',
  minLength: 1,
  maxLength: 1000,
} as const

const CLAIM = {
  type: 'string',
  description: 'A claim',
  expects: 'the name or the path of a claim, of 1 to 200 characters',
  minLength: 1,
  maxLength: 200,
} as const satisfies Setting

/** The settings of one issuer, by the names that they have in a list of issuers. */
export const ISSUER_SETTINGS = {
  issuer: {
    ...NAME,
    description: "`iss` that a token must carry: the identity provider's address, character by character",
  },
  audiences: {
    type: 'array',
    description: 'Audiences: the `aud` of a token must name at least one of them',
    expects: 'a list of 1 to 100 texts of 1 to 1000 characters',
    minItems: 1,
    maxItems: 100,
    items: { ...NAME, description: 'An audience' },
  },
  clients: {
    type: 'array',
    description:
      'Clients whose tokens are accepted without `aud`, by `azp`, else `client_id`, `appid` or `cid`. A token with `aud` ' +
      'must carry one of the audiences',
    expects: 'a list of 1 to 100 texts of 1 to 1000 characters',
    minItems: 1,
    maxItems: 100,
    items: { ...NAME, description: 'A client' },
  },
  keys: {
    type: 'string',
    description:
      'URL of a JWKS, path of a JWKS, JWK or PEM file, or the text of such a file. ' +
      "Default: the key set that the issuer's discovery document names",
    expects: 'a URL, a path or PEM text',
    secret: true,
    minLength: 1,
    maxLength: TEXT_BYTES_MAX,
  },
  typ: {
    type: 'string',
    nullable: true,
    description: '`typ` that the header of a token must have, such as `at+jwt` (RFC 9068)',
    expects: 'a media type such as at+jwt',
    pattern: '^[A-Za-z0-9!#$&^_.+-]+(/[A-Za-z0-9!#$&^_.+-]+)?$',
    maxLength: 200,
    default: null,
  },
  scopeClaims: {
    type: 'array',
    description:
      'Claims that hold the scopes, each separated by spaces or as an array, and read together: by name, or by path, ' +
      'such as `realm_access.roles`',
    expects: 'a list of 1 to 20 names or paths of claims',
    minItems: 1,
    maxItems: 20,
    items: CLAIM,
    default: ['scope'],
  },
  require: {
    type: 'object',
    description:
      'Claims that a token must have, by name or path, each with its value. Of a list one element must be it',
    expects: 'at most 20 claims, each with a text, an integer, true or false',
    maxProperties: 20,
    propertyNames: { pattern: '^[^]{1,200}$', expects: 'the name or the path of a claim' },
    additionalProperties: {
      type: ['string', 'integer', 'boolean'],
      description: 'The value of a claim',
      expects: 'a text of 1 to 1000 characters, an integer, true or false',
      minLength: 1,
      maxLength: 1000,
    },
    default: {},
  },
  lifetimeSecondsMax: {
    type: 'integer',
    nullable: true,
    description:
      'Longest life of a token, from its `iat`, or from now if it has none, to its `exp`: a longer one is refused. ' +
      'Default: no limit; 86400 with a control topic or a logout path. If it is set beside one of the two, a token ' +
      'without `iat` is refused',
    minimum: 1,
    maximum: 31_536_000,
    default: null,
  },
} as const satisfies Record<keyof IssuerOptions, Setting>
