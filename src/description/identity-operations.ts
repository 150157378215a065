// What an identity provider gets that ends a session, and a client that looks for its provider: docs/protocol.md,
// "Back-channel logout", and RFC 9728, as schemas.

import { LogoutRefused } from '../errors.ts'
import type { ResourceMetadata } from '../token/resource-metadata.ts'
import { answersOf } from './refusals.ts'
import { type FormSchema, type OperationSchema, objectOf, type ValueSchema } from './schema.ts'

const TAGS = ['identity']

/** POST of `logoutPath`. */
export function logoutOperation(): FormSchema {
  const token: ValueSchema = { type: 'string', description: 'A logout token: a JWT of the provider' }
  return {
    summary: 'Ends the streams of a session',
    description:
      'For identity providers: OpenID Connect Back-Channel Logout 1.0. The token is all that is needed.',
    tags: TAGS,
    consumes: ['application/x-www-form-urlencoded'],
    body: { ...objectOf({ logout_token: token }), required: ['logout_token'] },
    response: { 200: { description: 'The session is over', type: 'null' }, ...answersOf([LogoutRefused]) },
  }
}

/** GET of the metadata of the streams as a resource of OAuth. */
export function resourceMetadataOperation(): OperationSchema {
  const texts = (description: string): ValueSchema => {
    return { type: 'array', items: { type: 'string' }, description }
  }
  const members: Record<keyof ResourceMetadata, ValueSchema> = {
    resource: { type: 'string', description: 'URL of the streams, as tokens name it' },
    authorization_servers: texts('Issuers whose tokens are accepted'),
    bearer_methods_supported: texts('How a request may send its token'),
    scopes_supported: texts('Scopes of the streams'),
  }
  const schema = { ...objectOf(members), required: ['resource'] }
  return {
    summary: 'Tells where to get a token for the streams',
    description: 'OAuth 2.0 Protected Resource Metadata (RFC 9728). Needs no token.',
    tags: TAGS,
    response: { 200: { description: 'The metadata', content: { 'application/json': { schema } } } },
  }
}
