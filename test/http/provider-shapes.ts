// What eight identity providers publish and issue: their discovery documents, key sets and tokens, by their own
// documentation. Names and IDs are those of docs/identity-providers.md.

import type { JsonWebKey } from 'node:crypto'
import { nowSeconds, type TestKey } from '../support/keys-and-tokens.ts'

type Claims = Record<string, unknown>

export interface ProviderShape {
  /** The heading of docs/identity-providers.md. */
  readonly name: string
  /** What is served at which address. */
  readonly documents: (key: TestKey) => Readonly<Record<string, unknown>>
  /** Of the tokens that are meant to be used. */
  readonly header: Claims
  readonly claims: Claims
  /** Other tokens that are meant to be used: changes of the claims. */
  readonly alsoGood: Readonly<Record<string, Claims>>
  /** Tokens that the same keys have signed, and that are for something or somebody else. */
  readonly refused: Readonly<Record<string, Claims>>
  /** A user's token that lacks the scope; null where the settings ask for none. */
  readonly lacking: Claims | null
}

const HOUR = 3_600

/** Members of a key that verifies signatures. `alg` and `x5t` are not everywhere. */
function signingKey({ jwk: { kty, n, e }, kid }: TestKey, members: Claims): JsonWebKey {
  return { kty: kty ?? '', n: n ?? '', e: e ?? '', kid, use: 'sig', ...members }
}

const times = () => {
  const iat = nowSeconds()
  return { iat, exp: iat + HOUR }
}

function auth0(): ProviderShape {
  const issuer = 'https://example.us.auth0.com/'
  const userinfo = `${issuer}userinfo`
  return {
    name: 'Auth0',
    documents: (key) => ({
      [`${issuer}.well-known/openid-configuration`]: {
        issuer,
        authorization_endpoint: `${issuer}authorize`,
        token_endpoint: `${issuer}oauth/token`,
        userinfo_endpoint: userinfo,
        jwks_uri: `${issuer}.well-known/jwks.json`,
        id_token_signing_alg_values_supported: ['HS256', 'RS256', 'PS256'],
      },
      [`${issuer}.well-known/jwks.json`]: {
        keys: [signingKey(key, { alg: 'RS256', x5t: 'NEVBNUNBOTgxRkE5' })],
      },
    }),
    header: { typ: 'JWT' },
    claims: {
      iss: issuer,
      sub: 'auth0|507f1f77bcf86cd799439011',
      aud: ['https://api.example.com', userinfo],
      ...times(),
      scope: 'openid profile proxy:stream',
      azp: 'my_client_id',
      permissions: [],
    },
    alsoGood: {
      'a token whose permissions come by a role': { scope: 'openid', permissions: ['proxy:stream'] },
      'a token of a service': {
        sub: 'my_client_id@clients',
        aud: 'https://api.example.com',
        scope: 'proxy:stream',
        gty: 'client-credentials',
      },
    },
    refused: {
      'an ID token': { aud: 'my_client_id', scope: undefined, nonce: 'n', sid: 's' },
      'a token of another API': { aud: ['https://other.example.com', userinfo] },
      'a token of another tenant': { iss: 'https://other.us.auth0.com/' },
    },
    lacking: { scope: 'openid profile', permissions: ['other:read'] },
  }
}

function entra(): ProviderShape {
  const tenant = 'aaaabbbb-0000-cccc-1111-dddd2222eeee'
  const issuer = `https://login.microsoftonline.com/${tenant}/v2.0`
  const keys = `https://login.microsoftonline.com/${tenant}/discovery/v2.0/keys`
  const iat = nowSeconds() - 300
  return {
    name: 'Entra ID',
    documents: (key) => ({
      [`${issuer}/.well-known/openid-configuration`]: {
        token_endpoint: `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`,
        jwks_uri: keys,
        issuer,
        tenant_region_scope: 'EU',
        cloud_instance_name: 'microsoftonline.com',
      },
      [keys]: {
        keys: [signingKey(key, { x5t: key.kid, cloud_instance_name: 'microsoftonline.com', issuer })],
      },
    }),
    header: { typ: 'JWT' },
    claims: {
      aud: '00001111-aaaa-2222-bbbb-3333cccc4444',
      iss: issuer,
      iat,
      nbf: iat,
      exp: iat + 4_500,
      aio: 'AWQAm/8',
      azp: '11112222-bbbb-3333-cccc-4444dddd5555',
      azpacr: '0',
      name: 'Example',
      oid: '22223333-cccc-4444-dddd-5555eeee6666',
      preferred_username: 'example@example.com',
      rh: '0.AX',
      scp: 'Stream.Read User.Other',
      sid: '33334444-dddd-5555-eeee-6666ffff7777',
      sub: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
      tid: tenant,
      uti: 'uti',
      ver: '2.0',
    },
    alsoGood: {
      'a token of a service': { scp: undefined, roles: ['Stream.Read'], azpacr: '2', idtyp: 'app' },
    },
    refused: {
      'a token of another API': { aud: '00000003-0000-0000-c000-000000000000' },
      'a token of version 1': {
        iss: `https://sts.windows.net/${tenant}/`,
        ver: '1.0',
        appid: 'a',
        azp: undefined,
      },
      'a token of another tenant': {
        iss: 'https://login.microsoftonline.com/99998888-0000-cccc-1111-dddd2222eeee/v2.0',
        tid: '99998888-0000-cccc-1111-dddd2222eeee',
      },
    },
    lacking: { scp: 'User.Other' },
  }
}

function keycloak(): ProviderShape {
  const issuer = 'https://keycloak.example.com/realms/example'
  const base = `${issuer}/protocol/openid-connect`
  return {
    name: 'Keycloak',
    documents: (key) => ({
      [`${issuer}/.well-known/openid-configuration`]: {
        issuer,
        token_endpoint: `${base}/token`,
        jwks_uri: `${base}/certs`,
        backchannel_logout_supported: true,
      },
      [`${base}/certs`]: {
        keys: [
          signingKey(key, { kid: 'encryption', use: 'enc', alg: 'RSA-OAEP' }),
          signingKey(key, { alg: 'RS256', x5t: 'a', 'x5t#S256': 'b' }),
        ],
      },
    }),
    header: { typ: 'JWT' },
    claims: {
      ...times(),
      auth_time: nowSeconds(),
      jti: 'onrtac:312ee6',
      iss: issuer,
      aud: ['events-api', 'account'],
      sub: '36fa0f91-f94d-4a0c-afed-6b7d952e47da',
      typ: 'Bearer',
      azp: 'web',
      sid: '2a88c258-f73a-4103-b862-e1fbd8f4e04e',
      acr: '1',
      'allowed-origins': ['https://app.example.com'],
      realm_access: { roles: ['offline_access', 'default-roles-example'] },
      resource_access: { account: { roles: ['manage-account'] } },
      scope: 'email profile proxy:stream',
      preferred_username: 'example',
    },
    alsoGood: {
      'a role of the realm': { scope: 'email', realm_access: { roles: ['proxy:stream'] } },
      'a role of the API': { scope: 'email', resource_access: { 'events-api': { roles: ['proxy:stream'] } } },
    },
    refused: {
      'an ID token': { typ: 'ID', aud: 'web' },
      'an ID token that the mapper gave our audience': { typ: 'ID' },
      'a token without the mapper': { aud: 'account' },
      'a token of another realm': { iss: 'https://keycloak.example.com/realms/other' },
    },
    lacking: { scope: 'email profile', resource_access: { other: { roles: ['proxy:stream'] } } },
  }
}

function cognito(): ProviderShape {
  const issuer = 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE'
  const client = '1example23456789'
  return {
    name: 'Amazon Cognito',
    documents: (key) => ({
      [`${issuer}/.well-known/openid-configuration`]: {
        issuer,
        jwks_uri: `${issuer}/.well-known/jwks.json`,
        id_token_signing_alg_values_supported: ['RS256'],
      },
      [`${issuer}/.well-known/jwks.json`]: {
        keys: [signingKey(key, { kid: 'of-id-tokens', alg: 'RS256' }), signingKey(key, { alg: 'RS256' })],
      },
    }),
    header: {},
    claims: {
      sub: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
      'cognito:groups': ['testgroup'],
      iss: issuer,
      version: 2,
      client_id: client,
      origin_jti: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
      token_use: 'access',
      scope: 'openid events/read',
      auth_time: nowSeconds(),
      ...times(),
      jti: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeef',
      username: 'example',
    },
    alsoGood: { 'a token of a service': { sub: client, scope: 'events/read', username: undefined } },
    refused: {
      'an ID token': { aud: client, client_id: undefined, token_use: 'id', scope: undefined },
      'a token of another client': { client_id: '9other87654321' },
      'a token of another pool': { iss: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_OTHER' },
      'a token that is bound to another resource': { aud: 'https://other.example.com' },
    },
    lacking: { scope: 'aws.cognito.signin.user.admin' },
  }
}

function okta(): ProviderShape {
  const issuer = 'https://example.okta.com/oauth2/default'
  return {
    name: 'Okta',
    documents: (key) => ({
      [`${issuer}/.well-known/openid-configuration`]: {
        issuer,
        token_endpoint: `${issuer}/v1/token`,
        jwks_uri: `${issuer}/v1/keys`,
      },
      [`${issuer}/v1/keys`]: { keys: [signingKey(key, { alg: 'RS256' })] },
    }),
    header: {},
    claims: {
      ver: 1,
      jti: 'AT.MNAoEQ',
      iss: issuer,
      aud: 'api://default',
      ...times(),
      cid: '0oaclient',
      uid: '00uuser',
      scp: ['openid', 'proxy:stream'],
      auth_time: nowSeconds(),
      sub: 'example@example.com',
    },
    alsoGood: { 'a token of a service': { sub: '0oaclient', uid: undefined, scp: ['proxy:stream'] } },
    refused: {
      'an ID token': { jti: 'ID.radC', aud: '0oaclient', scp: undefined, amr: ['pwd'] },
      'a token of the org authorization server': {
        iss: 'https://example.okta.com',
        aud: 'https://example.okta.com',
      },
    },
    lacking: { scp: ['openid', 'profile'] },
  }
}

function google(): ProviderShape {
  const issuer = 'https://accounts.google.com'
  const client = '1234567890-example.apps.googleusercontent.com'
  const keys = 'https://www.googleapis.com/oauth2/v3/certs'
  return {
    name: 'Google',
    documents: (key) => ({
      [`${issuer}/.well-known/openid-configuration`]: {
        issuer,
        token_endpoint: 'https://oauth2.googleapis.com/token',
        jwks_uri: keys,
      },
      [keys]: { keys: [signingKey(key, { alg: 'RS256' })] },
    }),
    header: { typ: 'JWT' },
    claims: {
      iss: issuer,
      azp: client,
      aud: client,
      sub: '110169484474386276334',
      hd: 'example.com',
      email: 'example@example.com',
      email_verified: true,
      at_hash: 'HK6E_P6Dh8Y93mRNtsDB1Q',
      nonce: 'n',
      ...times(),
    },
    alsoGood: {
      'a token of an app whose server is the audience': { azp: '1234567890-app.apps.googleusercontent.com' },
    },
    refused: {
      'an account of another organisation': { hd: 'other.example' },
      'a private account': { hd: undefined, email: 'example@gmail.com' },
      'an address that was not verified': { email_verified: false },
      'a token of another application': { aud: '99-other.apps.googleusercontent.com' },
    },
    lacking: null,
  }
}

function clerk(): ProviderShape {
  const issuer = 'https://clerk.example.com'
  const iat = nowSeconds()
  return {
    name: 'Clerk',
    documents: (key) => ({
      [`${issuer}/.well-known/openid-configuration`]: {
        issuer,
        token_endpoint: `${issuer}/oauth/token`,
        jwks_uri: `${issuer}/.well-known/jwks.json`,
      },
      [`${issuer}/.well-known/jwks.json`]: { keys: [signingKey(key, { alg: 'RS256' })] },
    }),
    header: { cat: 'cl_B7d4PD111AAA', typ: 'JWT' },
    claims: {
      azp: 'https://app.example.com',
      exp: iat + 60,
      fva: [7, -1],
      iat,
      iss: issuer,
      nbf: iat - 10,
      sid: 'sess_123',
      sts: 'active',
      sub: 'user_123',
      o: { id: 'org_123', rol: 'admin', slg: 'example' },
      v: 2,
    },
    alsoGood: { 'a user without an organisation': { o: undefined } },
    refused: {
      'a token of a page of another origin': { azp: 'https://evil.example' },
      'a token without an origin': { azp: undefined },
      'a session that has still a task to do': { sts: 'pending' },
      'a token of a template for another API': { azp: undefined, aud: 'https://other.example.com' },
    },
    lacking: null,
  }
}

function supabase(): ProviderShape {
  const issuer = 'https://example.supabase.co/auth/v1'
  return {
    name: 'Supabase',
    documents: (key) => ({
      [`${issuer}/.well-known/jwks.json`]: {
        keys: [signingKey(key, { alg: 'RS256', key_ops: ['verify'], ext: true })],
      },
    }),
    header: { typ: 'JWT' },
    claims: {
      iss: issuer,
      sub: '123e4567-e89b-12d3-a456-426614174000',
      aud: 'authenticated',
      ...times(),
      email: 'example@example.com',
      phone: '',
      app_metadata: { provider: 'email', providers: ['email'] },
      user_metadata: {},
      role: 'authenticated',
      aal: 'aal1',
      amr: [{ method: 'password', timestamp: nowSeconds() }],
      session_id: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
      is_anonymous: false,
    },
    alsoGood: { 'a user with a second factor': { aal: 'aal2' } },
    refused: {
      'an anonymous user': { is_anonymous: true },
      'the role of the service': { role: 'service_role', aud: undefined, sub: undefined },
      'the anonymous role': { role: 'anon', aud: 'anon' },
      'a token of another project': { iss: 'https://other.supabase.co/auth/v1' },
    },
    lacking: null,
  }
}

/** A function, because tokens are made for the moment. */
export function providerShapes(): ProviderShape[] {
  return [auth0(), entra(), keycloak(), cognito(), okta(), google(), clerk(), supabase()]
}
