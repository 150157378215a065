// Keys, tokens and an identity provider for tests: every kind of key, every kind of bad token. Only node:crypto signs
// them, so that signing shares no code with verification.

import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
} from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AuthOptions } from '../../src/options.ts'
import { keepSecret } from './printed.ts'

export const ISSUER = 'https://auth.example.com'
export const AUDIENCE = 'https://api.example.com'
export const SCOPE = 'proxy:stream'

/** EdDSA is Ed25519. */
export const KEY_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const
export type KeyAlgorithm = (typeof KEY_ALGORITHMS)[number]

export interface TestKey {
  readonly kid: string
  readonly algorithm: KeyAlgorithm
  readonly privateKey: KeyObject
  readonly publicPem: string
  readonly privatePem: string
  /** Public, with `kid`, `alg` and `use`. */
  readonly jwk: JsonWebKey & { kid: string; alg: string; use: string }
}

/** A new key, `kid` 'example' as in the README unless said. */
export function makeKey(algorithm: KeyAlgorithm, kid = 'example', rsaBits = 2048): TestKey {
  const privateKey = newPrivateKey(algorithm, rsaBits)
  const publicKey = createPublicKey(privateKey)
  return {
    kid,
    algorithm,
    privateKey,
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privatePem: keepSecret(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' },
  }
}

/** The same key for another algorithm or under another name. */
export function keyAs(key: TestKey, changes: { algorithm?: KeyAlgorithm; kid?: string }): TestKey {
  const { algorithm = key.algorithm, kid = key.kid } = changes
  return { ...key, algorithm, kid, jwk: { ...key.jwk, kid, alg: algorithm } }
}

export function jwksOf(...keys: TestKey[]): string {
  return JSON.stringify({ keys: keys.map((key) => key.jwk) })
}

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000)
}

/** What the README's token says, valid for a minute. */
export function exampleClaims(): Record<string, unknown> {
  return { iss: ISSUER, aud: AUDIENCE, sub: 'example', scope: SCOPE, exp: nowSeconds() + 60 }
}

export interface TokenChanges {
  /** Added to the example's; undefined leaves a claim out. */
  readonly claims?: Record<string, unknown>
  /** The payload's very text, in place of any claims: for what JSON.stringify cannot write. */
  readonly payload?: string
  /** Added to `alg` and `kid`; undefined leaves a parameter out. */
  readonly header?: Record<string, unknown>
}

/** A token that `key` signs, good unless `changes` make it bad. */
export function mintToken(key: TestKey, changes: TokenChanges = {}): string {
  const header = { alg: key.algorithm, kid: key.kid, ...changes.header }
  const payload = changes.payload ?? JSON.stringify({ ...exampleClaims(), ...changes.claims })
  const input = `${encode(JSON.stringify(header))}.${encode(payload)}`
  return keepSecret(`${input}.${signature(key, input)}`)
}

/** `alg: none` with an empty signature. */
export function mintUnsigned(): string {
  return keepSecret(`${encode(JSON.stringify({ alg: 'none' }))}.${encode(JSON.stringify(exampleClaims()))}.`)
}

/** The classic forgery: an HMAC whose secret is the public key's text. */
export function mintWithPublicKeyAsSecret(key: TestKey, secret: string = key.publicPem): string {
  const header = { alg: 'HS256', kid: key.kid }
  const input = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(exampleClaims()))}`
  return keepSecret(`${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`)
}

/** plugins/auth's options for one key, given as PEM. */
export function authOptions(key: TestKey, changes: Partial<AuthOptions> = {}): AuthOptions {
  return { issuer: ISSUER, audience: AUDIENCE, keys: key.publicPem, algorithm: key.algorithm, ...changes }
}

export interface KeyServer {
  readonly url: string
  /** Requests that came. */
  readonly hits: () => number
  /** What is answered from now on: a body, or a listener of your own. */
  answer: (answer: string | RequestListener) => void
  close: () => Promise<void>
}

/** An identity provider's key set endpoint on loopback. */
export async function startKeyServer(first: string | RequestListener): Promise<KeyServer> {
  let listener = listenerOf(first)
  let hits = 0
  const server = createServer((request, response) => {
    hits++
    listener(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${portOf(server)}/jwks.json`,
    hits: () => hits,
    answer: (answer) => {
      listener = listenerOf(answer)
    },
    close: () => closeServer(server),
  }
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}

function portOf(server: Server): number {
  // An object for every server that listens on a port.
  return (server.address() as AddressInfo).port
}

function listenerOf(answer: string | RequestListener): RequestListener {
  return typeof answer === 'function' ? answer : (_request, response) => void response.end(answer)
}

function newPrivateKey(algorithm: KeyAlgorithm, rsaBits: number): KeyObject {
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519').privateKey
  if (!algorithm.startsWith('ES')) return generateKeyPairSync('rsa', { modulusLength: rsaBits }).privateKey
  const namedCurve = algorithm === 'ES256' ? 'P-256' : algorithm === 'ES384' ? 'P-384' : 'P-521'
  return generateKeyPairSync('ec', { namedCurve }).privateKey
}

function signature({ algorithm, privateKey }: TestKey, input: string): string {
  const digest = algorithm === 'EdDSA' ? undefined : `sha${algorithm.slice(2)}`
  const key = createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const options = {
    key,
    dsaEncoding: 'ieee-p1363' as const,
    ...(algorithm.startsWith('PS')
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : {}),
  }
  return sign(digest, Buffer.from(input), options).toString('base64url')
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}
