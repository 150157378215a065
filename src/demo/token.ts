// Mints tokens with a private key in PEM, for the demo and the `token` command. A production server never does this,
// because its tokens come from an identity provider.

import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type JWTPayload, SignJWT } from 'jose'
import {
  DEMO_AUDIENCE,
  DEMO_ISSUER,
  DEMO_KEY_ID,
  DEMO_SCOPE,
  DEMO_SUBJECT,
  PRIVATE_KEY_FILE,
} from './identity.ts'

export interface DemoTokenOptions {
  /** The folder of private.pem. */
  folder: string
  expiresInSeconds: number
  /** Default: `example`. */
  subject?: string
  /** Default: `proxy:stream`. */
  scope?: string
}

/** A token for the demo in the same folder. Rejects with an error of one line if private.pem is missing or invalid. */
export async function mintDemoToken(
  options: DemoTokenOptions,
  epochMs: number = Date.now(),
): Promise<string> {
  const nowSeconds = Math.floor(epochMs / 1000)
  return mintToken({
    key: await readSigningKey(join(options.folder, PRIVATE_KEY_FILE)),
    algorithm: 'RS256',
    keyId: DEMO_KEY_ID,
    claims: {
      iss: DEMO_ISSUER,
      aud: DEMO_AUDIENCE,
      sub: options.subject ?? DEMO_SUBJECT,
      scope: options.scope ?? DEMO_SCOPE,
      iat: nowSeconds,
      exp: nowSeconds + options.expiresInSeconds,
    },
  })
}

export interface TokenContents {
  key: KeyObject
  /** RFC 7518 section 3.1, or EdDSA. It must fit the key. */
  algorithm: string
  keyId: string
  claims: TokenClaims
}

/** Registered claims (RFC 7519 section 4.1), as jose types them, and any others. */
export type TokenClaims = JWTPayload

export async function mintToken({ key, algorithm, keyId, claims }: TokenContents): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: algorithm, kid: keyId, typ: 'JWT' }).sign(key)
}

/** Reads a private key in PEM without a passphrase. No error quotes its text. */
export async function readSigningKey(path: string): Promise<KeyObject> {
  const pem = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const hint = error.code === 'ENOENT' ? 'there is no such file; kafka-sse demo makes one' : error.code
    throw new Error(`cannot read ${path}: ${hint}`)
  })
  try {
    return createPrivateKey(pem)
  } catch {
    throw new Error(`${path} is not a private key in PEM without a passphrase`)
  }
}
