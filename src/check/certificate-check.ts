// Checks the certificate that a server shows: its names, its dates, its chain, and whether the key is its own.
// Promise: reads the two files alone, and quotes nothing of the key.

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import { tlsProblems } from '../config/key-files.ts'
import { readTextFile } from '../config/text-file.ts'
import type { TlsOptions } from '../options.ts'
import type { CheckReport } from './check-report.ts'
import { lasting } from './durations.ts'

const CHECK = 'certificate'
const DAY_MS = 86_400_000
/** Authorities that renew by themselves do so a third of its life before its end, which is 30 days of 90. */
const SOON_MS = 14 * DAY_MS
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const RSA_BITS_MIN = 2048
/** Of extendedKeyUsage (RFC 5280 section 4.2.1.12). */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'

export function checkCertificate(report: CheckReport, tls: TlsOptions, epochMs = Date.now()): void {
  const problems = tlsProblems(tls)
  if (problems.length > 0) {
    const advice = filesAdvice(tls)
    for (const problem of problems) report.fail(CHECK, problem, advice)
    return
  }
  const chain = readChain(tls.certFile) ?? []
  const [leaf] = chain
  if (leaf === undefined) return
  const found = [namesOf(report, leaf), datesOf(report, chain, epochMs), chainOf(report, chain)]
  checkUse(report, leaf)
  report.ok(CHECK, `the key is its own; ${found.filter((words) => words !== null).join('; ')}`)
}

/** null if one of them cannot be read. */
function readChain(file: string): X509Certificate[] | null {
  try {
    return (readTextFile(file).match(PEM) ?? []).map((pem) => new X509Certificate(pem))
  } catch {
    return null
  }
}

/** What to do about files that do not fit; null if their problems say it. */
function filesAdvice({ certFile, keyFile }: TlsOptions): string | null {
  try {
    const pem = readTextFile(keyFile)
    if (/ENCRYPTED/.test(pem)) return `take the passphrase off: openssl pkey -in ${keyFile} -out server.key`
    const key = createPrivateKey(pem)
    const at = (readChain(certFile) ?? []).findIndex((certificate) => certificate.checkPrivateKey(key))
    return at === -1 ? null : `put certificate ${at + 1} of the file first: the key is its own`
  } catch {
    // One of the two cannot be read, and the problem says so.
    return null
  }
}

/** Browsers look for names in this extension alone (RFC 9110 section 4.3.4). */
function namesOf(report: CheckReport, { subjectAltName }: X509Certificate): string | null {
  if (subjectAltName !== undefined) return `of ${subjectAltName.replace(/\b(DNS|IP Address):/g, '')}`
  report.fail(CHECK, 'it names no host in subjectAltName', 'issue it for the name that clients connect to')
  return null
}

/** Of all in the file: a chain is good for as long as each of it is. */
function datesOf(report: CheckReport, chain: readonly X509Certificate[], epochMs: number): string | null {
  let endsMs = Number.POSITIVE_INFINITY
  let isGood = true
  for (const [at, certificate] of chain.entries()) {
    const what = at === 0 ? 'it' : `certificate ${at + 1} of the file`
    const [fromMs, toMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)]
    endsMs = Math.min(endsMs, toMs)
    if (fromMs > epochMs) {
      isGood = false
      report.fail(
        CHECK,
        `${what} is valid in ${lasting(fromMs - epochMs)} only`,
        'look at the clock of this machine',
      )
    }
    if (toMs <= epochMs) {
      isGood = false
      report.fail(CHECK, `${what} expired ${lasting(epochMs - toMs)} ago, at ${isoOf(toMs)}`, 'renew it')
    }
  }
  if (!isGood) return null
  const until = `valid until ${isoOf(endsMs)}`
  if (endsMs - epochMs > SOON_MS) return until
  report.warn(CHECK, `${until}, which is in ${lasting(endsMs - epochMs)}`, 'renew it')
  return null
}

/** A client needs each certificate between the server's and an authority that it knows, in this order. */
function chainOf(report: CheckReport, chain: readonly X509Certificate[]): string | null {
  for (const [at, certificate] of chain.entries()) {
    const issuer = chain[at + 1]
    if (issuer === undefined || isIssuedBy(certificate, issuer)) continue
    report.fail(
      CHECK,
      `certificate ${at + 2} of the file has not issued the one before it`,
      "put the server's certificate first, then the one of its issuer, and so on",
    )
    return null
  }
  const last = chain.at(-1)
  if (last === undefined) return null
  if (isIssuedBy(last, last)) {
    const words = chain.length === 1 ? 'it is signed by itself' : 'its authority is in the file'
    if (chain.length > 1 && isKnown(last)) return 'its chain is complete'
    report.warn(CHECK, words, 'only clients that are given this authority trust it')
    return null
  }
  if (knownAuthorities().some((root) => isIssuedBy(last, root))) return 'its chain is complete'
  report.warn(
    CHECK,
    `Node knows no authority that has issued the last certificate of the file (${nameOf(last.issuer)})`,
    'append the intermediates; if the authority is a private one, clients have to be given it',
  )
  return null
}

function checkUse(report: CheckReport, { publicKey, keyUsage }: X509Certificate): void {
  const bits = publicKey.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < RSA_BITS_MIN)
    report.fail(CHECK, `its RSA key has ${bits} bits`, `clients demand ${RSA_BITS_MIN}`)
  // Node types it as always there.
  if (keyUsage !== undefined && !keyUsage.includes(SERVER_AUTH))
    report.fail(CHECK, 'it is not for servers', 'issue it with serverAuth in extendedKeyUsage')
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

function isKnown(certificate: X509Certificate): boolean {
  return knownAuthorities().some(({ fingerprint256 }) => fingerprint256 === certificate.fingerprint256)
}

let known: readonly X509Certificate[] | null = null

function knownAuthorities(): readonly X509Certificate[] {
  known ??= rootCertificates.map((pem) => new X509Certificate(pem))
  return known
}

/** On one line. */
function nameOf(distinguished: string): string {
  return distinguished.split('\n').join(', ')
}

function isoOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 16).concat('Z')
}
