// What is said of a server's certificate: its names, dates, chain and key, by the file that the server would show.

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkCertificate } from '../../../src/check/certificate-check.ts'
import { type CheckFinding, CheckReport } from '../../../src/check/check-report.ts'
import type { Certificates } from '../../../src/demo/certificates.ts'
import { type Issued, type IssueOptions, issue } from '../../support/certificate-chain.ts'
import { localCertificates } from '../../support/certificates.ts'
import { makeKey } from '../../support/keys-and-tokens.ts'

const DAY_MS = 86_400_000
const folder = mkdtempSync(join(tmpdir(), 'certificate-'))
let made: Certificates
let fromMs: number
let toMs: number

beforeAll(async () => {
  made = await localCertificates()
  const { validFrom, validTo } = new X509Certificate(made.certificatePem)
  fromMs = Date.parse(validFrom)
  toMs = Date.parse(validTo)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Lines as `verdict: words`, with the advice of those that have one. */
function told(pem: string, epochMs: number, keyPem = made.keyPem): string[] {
  const files = { certFile: join(folder, 'server.crt'), keyFile: join(folder, 'server.key') }
  writeFileSync(files.certFile, pem)
  writeFileSync(files.keyFile, keyPem)
  const findings: CheckFinding[] = []
  checkCertificate(new CheckReport((finding) => findings.push(finding)), files, epochMs)
  expect(findings.every(({ check }) => check === 'certificate')).toBe(true)
  return findings.map(({ verdict, words, advice }) => `${verdict}: ${words}${advice ? `. ${advice}` : ''}`)
}

const isoOf = (ms: number) => `${new Date(ms).toISOString().slice(0, 16)}Z`
const PRIVATE = 'warn: its authority is in the file. only clients that are given this authority trust it'
const NAMES = 'ok: the key is its own; of localhost, 127.0.0.1'

describe('a certificate', () => {
  test('is told with its names and its end', () => {
    const chain = made.certificatePem + made.caPem
    expect(told(chain, Date.now())).toEqual([PRIVATE, `${NAMES}; valid until ${isoOf(toMs)}`])
  })

  test('that ends soon is a warning until its last second, and then a failure', () => {
    const chain = made.certificatePem + made.caPem
    expect(told(chain, toMs - 14 * DAY_MS - 1)).toEqual([PRIVATE, `${NAMES}; valid until ${isoOf(toMs)}`])
    const soon = `warn: valid until ${isoOf(toMs)}, which is in 14 days. renew it`
    expect(told(chain, toMs - 14 * DAY_MS)).toEqual([soon, PRIVATE, NAMES])
    expect(told(chain, toMs - 1000)[0]).toBe(`warn: valid until ${isoOf(toMs)}, which is in 1 s. renew it`)
    expect(told(chain, toMs + 5 * 3_600_000).slice(0, 2)).toEqual([
      `fail: it expired 5 h ago, at ${isoOf(toMs)}. renew it`,
      `fail: certificate 2 of the file expired 5 h ago, at ${isoOf(toMs)}. renew it`,
    ])
  })

  test('that is not valid yet fails, by the seconds that are missing', () => {
    expect(told(made.certificatePem, fromMs - 40_000)[0]).toBe(
      'fail: it is valid in 40 s only. look at the clock of this machine',
    )
  })

  test('without its intermediates is a warning that names who has issued it', () => {
    expect(told(made.certificatePem, Date.now())[0]).toMatch(
      /^warn: Node knows no authority that has issued the last certificate of the file \(CN=kafka-sse demo CA/,
    )
  })

  test('with one behind it that has not issued it fails', () => {
    expect(told(made.certificatePem + made.certificatePem, Date.now())[0]).toBe(
      'fail: certificate 2 of the file has not issued the one before it. ' +
        "put the server's certificate first, then the one of its issuer, and so on",
    )
    expect(told(made.certificatePem + rootCertificates[0], Date.now())[0]).toMatch(/^fail: certificate 2 /)
  })

  test('whose key is of another, or no key, fails with the file alone', () => {
    const { privatePem } = makeKey('ES256')
    expect(told(made.certificatePem, Date.now(), privatePem)).toEqual([
      `fail: TLS_KEY_FILE: the key in ${folder}/server.key is not that of the certificate in ${folder}/server.crt`,
    ])
    expect(told('nothing', Date.now())).toEqual([
      `fail: TLS_CERT_FILE: ${folder}/server.crt is not a certificate in PEM`,
    ])
  })
})

describe('a certificate of a chain', () => {
  const name = 'stream.example'
  let root: Issued
  let intermediate: Issued
  let leaf: Issued
  beforeAll(async () => {
    root = await issue({ subject: 'root', isAuthority: true })
    intermediate = await issue({ subject: 'intermediate', issuer: root, isAuthority: true })
    leaf = await issue({ subject: name, issuer: intermediate, names: [name] })
  })

  const toldOf = (...chain: string[]) => told(chain.join(''), Date.now(), leaf.keyPem)
  const OK = expect.stringMatching(/^ok: the key is its own; of stream\.example; valid until /)
  const ORDER =
    'fail: certificate 2 of the file has not issued the one before it. ' +
    "put the server's certificate first, then the one of its issuer, and so on"

  test('that is whole is private, with or without its root', () => {
    expect(toldOf(leaf.pem, intermediate.pem, root.pem)).toEqual([PRIVATE, OK])
    expect(toldOf(leaf.pem, intermediate.pem)).toEqual([
      'warn: Node knows no authority that has issued the last certificate of the file (CN=root). ' +
        'append the intermediates; if the authority is a private one, clients have to be given it',
      OK,
    ])
  })

  test('without its intermediate names that, and with a gap or another order fails', () => {
    expect(toldOf(leaf.pem)[0]).toContain('(CN=intermediate). append the intermediates')
    expect(toldOf(leaf.pem, root.pem)).toEqual([ORDER, OK])
    expect(toldOf(leaf.pem, root.pem, intermediate.pem)[0]).toBe(ORDER)
    expect(toldOf(leaf.pem, intermediate.pem, leaf.pem)[0]).toBe(ORDER.replace('2', '3'))
  })

  test('that does not come first says which does', () => {
    const files = `${folder}/server.key is not that of the certificate in ${folder}/server.crt`
    expect(toldOf(intermediate.pem, leaf.pem)).toEqual([
      `fail: TLS_KEY_FILE: the key in ${files}. put certificate 2 of the file first: the key is its own`,
    ])
    expect(toldOf(intermediate.pem)).toEqual([`fail: TLS_KEY_FILE: the key in ${files}`])
  })

  test('of which a later one is damaged fails', () => {
    const damaged = intermediate.pem.replace(/[A-Za-z0-9]{40}/, '')
    expect(toldOf(leaf.pem, damaged)).toEqual([
      `fail: TLS_CERT_FILE: a certificate behind the first in ${folder}/server.crt is damaged`,
    ])
  })
})

describe('a certificate that is good for nothing', () => {
  const SELF = 'warn: it is signed by itself. only clients that are given this authority trust it'
  const issued = async (options: Partial<IssueOptions>) => {
    const { pem, keyPem } = await issue({ subject: 'a', names: ['a.example'], ...options })
    return told(pem, Date.now(), keyPem)
  }

  test('names no host', async () => {
    expect(await issued({ names: [] })).toEqual([
      'fail: it names no host in subjectAltName. issue it for the name that clients connect to',
      SELF,
      expect.stringMatching(/^ok: the key is its own; valid until /),
    ])
  })

  test('has a weak RSA key; one of 2,048 bits is not', async () => {
    const weak = 'fail: its RSA key has 1024 bits. clients demand 2048'
    expect(await issued({ rsaBits: 1024 })).toContain(weak)
    expect((await issued({ rsaBits: 2048 })).join()).not.toContain('fail')
  })

  test('is for clients; one for both, or for anything, is not', async () => {
    const [server, client] = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']
    expect(await issued({ uses: [client] })).toContain(
      'fail: it is not for servers. issue it with serverAuth in extendedKeyUsage',
    )
    for (const uses of [[client, server], []])
      expect((await issued({ uses })).join()).not.toContain('for servers')
  })
})

test('a key with a passphrase says how to take it off', () => {
  const key = createPrivateKey(made.keyPem)
  const locked = key
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString()
  const file = `${folder}/server.key`
  expect(told(made.certificatePem, Date.now(), locked)).toEqual([
    `fail: TLS_KEY_FILE: ${file} is not a private key in PEM without a passphrase. ` +
      `take the passphrase off: openssl pkey -in ${file} -out server.key`,
  ])
})
