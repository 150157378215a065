// Tokens that must open nothing, as data. Each says what is wrong with it, and how it is made from the scene's keys.

import { createHmac, sign as signBytes } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import {
  AUDIENCE,
  ISSUER,
  jwksOf,
  keyAs,
  makeKey,
  nowSeconds,
  SCOPE,
  type TestKey,
  type TokenChanges,
} from '../support/keys-and-tokens.ts'
import { keepSecret } from '../support/printed.ts'

type Change = Record<string, unknown>

/** What rows are made of. The server trusts `ec`, `rsa` and `ed`, and nothing else. */
export interface HostileParts {
  readonly ec: TestKey
  readonly rsa: TestKey
  readonly ed: TestKey
  /** An address that must not be fetched. It serves the attacker's keys. */
  readonly trap: string
  /** What a good token says. */
  readonly claims: () => Change
  readonly header: (key: TestKey) => Change
  /** A token that is good but for the changes. */
  readonly mint: (key: TestKey, changes?: TokenChanges) => string
}

/** `what`: the token is answered 401, or 403 where it is good and lacks the scope. */
export type HostileRow = readonly [what: string, make: (parts: HostileParts) => string]

export const ATTACKER = makeKey('ES256', 'attacker')

const encoded = (part: string | Uint8Array) => Buffer.from(part).toString('base64url')
const json = (value: unknown) => encoded(JSON.stringify(value))

/** Signed whole, with any header and payload. */
function signed(key: TestKey, header: string | Uint8Array, payload: string | Uint8Array): string {
  const input = `${encoded(header)}.${encoded(payload)}`
  return keepSecret(`${input}.${signatureOf(key, input)}`)
}

/** By an EC key. */
function signatureOf({ privateKey }: TestKey, input: string): string {
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
  return signBytes('sha256', Buffer.from(input), key).toString('base64url')
}

const claimed = (claims: Change) => (parts: HostileParts) => parts.mint(parts.ec, { claims })
const headed = (header: Change) => (parts: HostileParts) => parts.mint(parts.ec, { header })
/** `text` is the payload, or makes it of the text of good claims. */
const payload =
  (text: string | Uint8Array | ((good: string) => string | Uint8Array)) => (parts: HostileParts) =>
    signed(
      parts.ec,
      JSON.stringify(parts.header(parts.ec)),
      typeof text === 'function' ? text(JSON.stringify(parts.claims())) : text,
    )
const headerText = (text: string | Uint8Array) => (parts: HostileParts) =>
  signed(parts.ec, text, JSON.stringify(parts.claims()))
/** The example's claims with one that JSON.stringify cannot write. */
const claimText = (text: string) => payload((good) => `${good.slice(0, -1)},${text}}`)
const withoutExp = (text: string) => payload((good) => good.replace(/"exp":\d+/, text))

/** An HMAC under a text that is public. */
const hmac =
  (secretOf: (parts: HostileParts) => string, alg: 'HS256' | 'HS384' | 'HS512' = 'HS256', kid = 'ec') =>
  (parts: HostileParts): string => {
    const input = `${json({ alg, kid })}.${json(parts.claims())}`
    const digest = createHmac(`sha${alg.slice(2)}`, secretOf(parts))
      .update(input)
      .digest('base64url')
    return keepSecret(`${input}.${digest}`)
  }

const unsigned =
  (alg: unknown, signature = '') =>
  ({ claims }: HostileParts) =>
    keepSecret(`${json({ alg, kid: 'ec' })}.${json(claims())}.${signature}`)

/** A good token whose last part is another. */
const resigned = (change: (signature: Buffer) => Uint8Array | string) => (parts: HostileParts) => {
  const token = parts.mint(parts.ec)
  const dot = token.lastIndexOf('.') + 1
  const changed = change(Buffer.from(token.slice(dot), 'base64url'))
  return keepSecret(token.slice(0, dot) + (typeof changed === 'string' ? changed : encoded(changed)))
}

const spelt = (change: (token: string) => string) => (parts: HostileParts) =>
  keepSecret(change(parts.mint(parts.ec)))

/** The character behind the last one: it ends in other bits, which no byte of a signature has. */
function afterLast(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return alphabet[alphabet.indexOf(token.at(-1) ?? '') + 1] ?? ''
}

const ALGORITHM_ROWS: HostileRow[] = [
  ['alg none, without a signature', unsigned('none')],
  ['alg None', unsigned('None')],
  ['alg NONE', unsigned('NONE')],
  ['alg nOnE', unsigned('nOnE')],
  ['alg none, with a signature', headed({ alg: 'none' })],
  ['alg none and some bytes', unsigned('none', 'AAAA')],
  ['no alg', headed({ alg: undefined })],
  ['alg null', headed({ alg: null })],
  ['alg in a list', headed({ alg: ['ES256'] })],
  ['alg an object', headed({ alg: { name: 'ES256' } })],
  ['alg a number', headed({ alg: 256 })],
  ['alg empty', headed({ alg: '' })],
  ['alg in small letters', headed({ alg: 'es256' })],
  ['alg with a space', headed({ alg: 'ES256 ' })],
  ['alg with a null character', headed({ alg: 'ES256\0' })],
  ['alg of a curve that no key has', headed({ alg: 'ES256K' })],
  ['alg of a longer digest', headed({ alg: 'ES512' })],
  ['alg of another kind of key', headed({ alg: 'RS256' })],
  ['EdDSA by the name of an EC key', headed({ alg: 'EdDSA' })],
  ['the curve that the key does not have', ({ ed, mint }) => mint(ed, { header: { alg: 'Ed448' } })],
  ['PS256 by an RS256 key', ({ rsa, mint }) => mint(keyAs(rsa, { algorithm: 'PS256' }))],
  ['RS512 by an RS256 key', ({ rsa, mint }) => mint(keyAs(rsa, { algorithm: 'RS512' }))],
  ['RSA-OAEP', ({ rsa, mint }) => mint(rsa, { header: { alg: 'RSA-OAEP' } })],
  ['dir', headed({ alg: 'dir', enc: 'A256GCM' })],
  ['an HMAC under the PEM of the EC key', hmac(({ ec }) => ec.publicPem)],
  ['an HMAC under that PEM without its line ends', hmac(({ ec }) => ec.publicPem.replaceAll('\n', ''))],
  ['an HMAC under the PEM of the RSA key', hmac(({ rsa }) => rsa.publicPem, 'HS256', 'rsa')],
  ['an HMAC under the trimmed PEM of the RSA key', hmac(({ rsa }) => rsa.publicPem.trim(), 'HS512', 'rsa')],
  ['an HMAC under the JWK', hmac(({ ec }) => JSON.stringify(ec.jwk), 'HS384')],
  ['an HMAC under the key set', hmac(({ ec, rsa, ed }) => jwksOf(ec, rsa, ed))],
  ['an HMAC under nothing', hmac(() => '')],
]

const SIGNATURE_ROWS: HostileRow[] = [
  ['no signature', resigned(() => '')],
  ['a signature of zeros (CVE-2022-21449)', resigned(() => Buffer.alloc(64))],
  ['a signature of ones', resigned(() => Buffer.alloc(64, 0xff))],
  ['a short signature', resigned((signature) => signature.subarray(0, 63))],
  ['a long signature', resigned((signature) => Buffer.concat([signature, Buffer.alloc(1)]))],
  ['halves of a signature swapped', resigned((s) => Buffer.concat([s.subarray(32), s.subarray(0, 32)]))],
  [
    'a signature in DER',
    (parts) => {
      const input = `${json(parts.header(parts.ec))}.${json(parts.claims())}`
      return keepSecret(`${input}.${encoded(signBytes('sha256', Buffer.from(input), parts.ec.privateKey))}`)
    },
  ],
  [
    'a signature of other claims',
    (parts) => {
      const other = json({ ...parts.claims(), sub: 'admin' })
      return keepSecret(parts.mint(parts.ec).replace(/\.[^.]+\./, `.${other}.`))
    },
  ],
  ['a signature by another key', ({ ec, mint }) => mint({ ...ATTACKER, kid: ec.kid })],
  ['a signature of an RSA key under the name of another', ({ rsa, mint }) => mint({ ...rsa, kid: 'ec' })],
  ["a signature by the attacker's key under its own name", ({ mint }) => mint(ATTACKER)],
  ['an EdDSA signature of zeros', ({ ed, mint }) => mint(ed).replace(/[^.]+$/, encoded(Buffer.alloc(64)))],
  [
    'a curve name and a signature of zeros',
    ({ ed, mint }) => mint(ed, { header: { alg: 'Ed25519' } }).replace(/[^.]+$/, encoded(Buffer.alloc(64))),
  ],
]

const HEADER_ROWS: HostileRow[] = [
  ['jku', ({ trap, mint }) => mint(ATTACKER, { header: { jku: trap } })],
  ['x5u', ({ trap, mint }) => mint(ATTACKER, { header: { x5u: trap } })],
  [
    'jku and the name of a known key',
    ({ trap, mint }) => mint(ATTACKER, { header: { jku: trap, kid: 'ec' } }),
  ],
  ['jwk', ({ mint }) => mint(ATTACKER, { header: { jwk: ATTACKER.jwk } })],
  ['jwk without a kid', ({ mint }) => mint(ATTACKER, { header: { jwk: ATTACKER.jwk, kid: undefined } })],
  ['x5c', ({ mint }) => mint(ATTACKER, { header: { x5c: [ATTACKER.publicPem], kid: 'ec' } })],
  ['x5t of another key', ({ mint }) => mint(ATTACKER, { header: { x5t: 'AAAA', 'x5t#S256': 'AAAA' } })],
  ['an address as kid', ({ trap, mint }) => mint(ATTACKER, { header: { kid: trap } })],
  ['a path as kid', ({ mint }) => mint(ATTACKER, { header: { kid: '../../../../dev/null' } })],
  ['SQL as kid', ({ mint }) => mint(ATTACKER, { header: { kid: "x' UNION SELECT 'ec'; --" } })],
  ['__proto__ as kid', ({ mint }) => mint(ATTACKER, { header: { kid: '__proto__' } })],
  ['a kid of 10,000 characters', ({ mint }) => mint(ATTACKER, { header: { kid: 'k'.repeat(10_000) } })],
  ['a kid that is a number', headed({ kid: 0 })],
  ['a kid that is a list', headed({ kid: ['ec'] })],
  ['a kid that is an object', headed({ kid: { kid: 'ec' } })],
  ['a kid that is null', headed({ kid: null })],
  ['an empty kid', headed({ kid: '' })],
  ['crit', headed({ crit: ['exp'], exp: nowSeconds() + 60 })],
  ['an empty crit', headed({ crit: [] })],
  ['crit null', headed({ crit: null })],
  ['b64 false', headed({ crit: ['b64'], b64: false })],
  ['typ logout+jwt', headed({ typ: 'logout+jwt' })],
  ['typ application/logout+jwt', headed({ typ: 'application/Logout+JWT' })],
  ['typ secevent+jwt', headed({ typ: 'secevent+jwt' })],
  ['typ dpop+jwt', headed({ typ: 'dpop+jwt', jwk: ATTACKER.jwk })],
  ['a typ that is a list', headed({ typ: ['JWT'] })],
  ['two algs, the last one good', headerText('{"alg":"none","kid":"ec","alg":"ES256"}')],
  ['two algs, the first one good', headerText('{"alg":"ES256","kid":"ec","alg":"none"}')],
  ['two kids, once escaped', headerText('{"alg":"ES256","kid":"x","\\u006bid":"ec"}')],
  ['a header that is a list', headerText('["ES256"]')],
  ['a header that is null', headerText('null')],
  ['a header that is a text', headerText('"ES256"')],
  ['a header that is no JSON', headerText('alg=ES256')],
  ['a header behind a byte order mark', headerText('\ufeff{"alg":"ES256","kid":"ec"}')],
  ['a header with a comment', headerText('{"alg":"ES256",/**/"kid":"ec"}')],
]

const FORM_ROWS: HostileRow[] = [
  ['padding', spelt((token) => `${token}==`)],
  ['a line end within', spelt((token) => token.replace('.', '.\t'))],
  ['standard base64', spelt((token) => token.replace(/\.[^.]+$/, '.+/+/'))],
  ['one part', spelt((token) => token.split('.').slice(0, 1).join('.'))],
  ['two parts', spelt((token) => token.split('.').slice(0, 2).join('.'))],
  ['four parts', spelt((token) => `${token}.e30`)],
  ['five parts, as an encrypted token', spelt((token) => `${token}.e30.e30`)],
  ['no parts', () => '..'],
  ['a dot', () => '.'],
  ['another last character of the same bytes', spelt((token) => token.slice(0, -1) + afterLast(token))],
  ['16,385 characters', spelt((token) => token.padEnd(16_385, 'A'))],
  ['two tokens', spelt((token) => `${token} ${token}`)],
  [
    'JSON serialisation',
    (parts) => {
      const [protectedPart = '', payloadPart = '', signature = ''] = parts.mint(parts.ec).split('.')
      return keepSecret(JSON.stringify({ protected: protectedPart, payload: payloadPart, signature }))
    },
  ],
  ['a payload that is a list', payload('[]')],
  ['a payload that is null', payload('null')],
  ['a payload that is a text', payload('"claims"')],
  ['a payload that is a number', payload('7')],
  ['a payload that is empty', payload('')],
  ['a payload that is a token', (parts) => payload(parts.mint(parts.ec))(parts)],
  ['a payload behind a byte order mark', payload((good) => `\ufeff${good}`)],
  ['a payload in UTF-16', payload((good) => Buffer.from(good, 'utf16le'))],
  [
    'a payload that is not UTF-8',
    payload(Buffer.concat([Buffer.from('{"sub":"'), Buffer.of(0xff), Buffer.from('"}')])),
  ],
  ['a payload that is compressed', payload((good) => deflateRawSync(good))],
  ['a payload with something behind it', payload((good) => `${good}{}`)],
  ['a payload in single quotes', payload((good) => good.replaceAll('"', "'"))],
]

const CLAIM_ROWS: HostileRow[] = [
  ['no iss', claimed({ iss: undefined })],
  ['iss null', claimed({ iss: null })],
  ['iss in a list', claimed({ iss: [ISSUER] })],
  ['iss an object', claimed({ iss: { toString: ISSUER } })],
  ['iss with a slash more', claimed({ iss: `${ISSUER}/` })],
  ['iss in capitals', claimed({ iss: ISSUER.toUpperCase() })],
  ['iss an address with keys', ({ trap, mint }) => mint(ATTACKER, { claims: { iss: trap } })],
  ['iss constructor', claimed({ iss: 'constructor' })],
  ['two iss', claimText(`"iss":"${ISSUER}"`)],
  ['no aud', claimed({ aud: undefined })],
  ['aud null', claimed({ aud: null })],
  ['aud empty', claimed({ aud: '' })],
  ['aud an empty list', claimed({ aud: [] })],
  ['aud another', claimed({ aud: 'https://other.example.com' })],
  ['aud a prefix', claimed({ aud: AUDIENCE.slice(0, -1) })],
  ['aud an object', claimed({ aud: { [AUDIENCE]: true } })],
  ['aud ours and a number', claimed({ aud: [AUDIENCE, 7] })],
  ['aud in a list of lists', claimed({ aud: [[AUDIENCE]] })],
  ['no exp', claimed({ exp: undefined })],
  ['exp null', claimed({ exp: null })],
  ['exp a text', claimed({ exp: String(nowSeconds() + 60) })],
  ['exp in a list', claimed({ exp: [nowSeconds() + 60] })],
  ['exp now', claimed({ exp: nowSeconds() })],
  ['exp a second ago', claimed({ exp: nowSeconds() - 1 })],
  ['exp 0', claimed({ exp: 0 })],
  ['exp negative', claimed({ exp: -1 })],
  ['exp true', claimed({ exp: true })],
  ['exp beyond the year 9999', claimed({ exp: 253_402_300_800 })],
  ['exp in ms', claimed({ exp: Date.now() + 60_000 * 1e6 })],
  ['exp 1e300', withoutExp('"exp":1e300')],
  ['exp 1e999', withoutExp('"exp":1e999')],
  ['exp -1e999', withoutExp('"exp":-1e999')],
  ['two exp', claimText('"exp":9999999999')],
  ['nbf in a minute', claimed({ nbf: nowSeconds() + 60 })],
  ['nbf a text', claimed({ nbf: '0' })],
  ['nbf null', claimed({ nbf: null })],
  ['nbf 1e999', claimText('"nbf":1e999')],
  ['iat in two minutes', claimed({ iat: nowSeconds() + 120 })],
  ['iat a text', claimed({ iat: '0' })],
  ['iat null', claimed({ iat: null })],
  ['iat 1e999', claimText('"iat":1e999')],
  ['cnf with a thumbprint', claimed({ cnf: { jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' } })],
  ['cnf with a certificate', claimed({ cnf: { 'x5t#S256': 'AAAA' } })],
  ['cnf null', claimed({ cnf: null })],
  ['a logout event', claimed({ events: { 'http://schemas.openid.net/event/backchannel-logout': {} } })],
  ['events empty', claimed({ events: {} })],
  ['sub a number', claimed({ sub: 7 })],
  ['sub a list', claimed({ sub: ['example'] })],
  ['sub an object', claimed({ sub: { id: 'example' } })],
  ['sub true', claimed({ sub: true })],
  ['sub half of a surrogate pair', payload((good) => good.replace(/"sub":"[^"]*"/, '"sub":"\\ud800"'))],
  ['two sub', claimText('"sub":"admin"')],
  ['a name twice deep within', claimText('"org":{"a":[{"id":1,"id":2}]}')],
  ['claims of 17,000 characters', claimed({ groups: 'g'.repeat(17_000) })],
  [
    'claims of a great depth',
    payload((good) => `${good.slice(0, -1)},"deep":${'['.repeat(4_000)}${']'.repeat(4_000)}}`),
  ],
]

const SCOPES: [string, unknown][] = [
  ['missing', undefined],
  ['null', null],
  ['empty', ''],
  ['a number', 7],
  ['true', true],
  ['an object', { [SCOPE]: true }],
  ['an empty list', []],
  ['a list of lists', [[SCOPE]]],
  ['a list of objects', [{ name: SCOPE }]],
  ['a list with a text of two', [`a ${SCOPE}`]],
  ['in capitals', SCOPE.toUpperCase()],
  ['a prefix', SCOPE.slice(0, -1)],
  ['longer', `${SCOPE}s`],
  ['separated by commas', `a,${SCOPE}`],
  ['separated by a tab', `a\t${SCOPE}`],
  ['separated by a line end', `a\n${SCOPE}`],
  ['with a null character', `${SCOPE}\0`],
]

/** Made by the same helpers, and good: so that no row is refused because of how it is made. */
export const GOOD_TOKENS: readonly HostileRow[] = [
  ['by a claim', claimed({ sub: 'other' })],
  ['by a header', headed({ typ: 'JWT', jku: 'https://example.com', x5t: 'AAAA' })],
  ['by a payload', payload((good) => good)],
  ['by the text of a header', headerText('{"alg":"ES256","kid":"ec"}')],
  ['by the text of a claim', claimText('"org":{"id":1}')],
  ['by the text of an exp', withoutExp('"exp":9999999999.5')],
  ['by a signature', resigned((signature) => signature)],
  ['by a spelling', spelt((token) => token)],
  ['by a curve name', ({ ed, mint }) => mint(ed, { header: { alg: 'Ed25519' } })],
]

/** Answered 401. */
export const UNACCEPTABLE_TOKENS: readonly HostileRow[] = [
  ...ALGORITHM_ROWS,
  ...SIGNATURE_ROWS,
  ...HEADER_ROWS,
  ...FORM_ROWS,
  ...CLAIM_ROWS,
]

/** Answered 403: good tokens that lack the scope. */
export const SCOPELESS_TOKENS: readonly HostileRow[] = SCOPES.map(([what, scope]) => [
  `a scope that is ${what}`,
  claimed({ scope }),
])
