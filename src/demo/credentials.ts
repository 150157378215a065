// The demo's keys and certificates, in its working folder, kept between starts. Promise: what this did not make is never
// overwritten, a private file is nobody else's to read, and a set that does not fit together is told and made anew.

import { createPrivateKey, generateKeyPair, X509Certificate } from 'node:crypto'
import { access, readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { writeAtomically } from './atomic-file.ts'
import { CA_NAME, makeCertificates } from './certificates.ts'
import { CA_FILE, CERTIFICATE_FILE, CERTIFICATE_KEY_FILE, LOCAL_HOSTS, PRIVATE_KEY_FILE } from './identity.ts'

export interface DemoCredentialsOptions {
  folder: string
  /** Names and addresses besides localhost that the server certificate has to be for. */
  names: readonly string[]
}

export interface DemoCredentials {
  caFile: string
  certFile: string
  keyFile: string
  privateKeyFile: string
  /** What was made or made anew, and why: a line each. */
  made: readonly string[]
}

/** One line that says which file is in the way, and what to do. */
export class CredentialsUnusable extends Error {}

/** Made anew this long before they end, so that a demo that runs for days does not run out. */
const RENEWED_BEFORE_MS = 30 * 86_400_000
const RSA_BITS = 2048
const OWNER_ONLY = 0o600
const EVERYBODY_READS = 0o644

/** Makes what is missing. Rejects with CredentialsUnusable. */
export async function ensureDemoCredentials(
  { folder, names }: DemoCredentialsOptions,
  epochMs: number = Date.now(),
): Promise<DemoCredentials> {
  const made = [
    await ensureCertificates(folder, [...LOCAL_HOSTS, ...names], epochMs),
    await ensurePrivateKey(folder),
  ]
  return {
    caFile: join(folder, CA_FILE),
    certFile: join(folder, CERTIFICATE_FILE),
    keyFile: join(folder, CERTIFICATE_KEY_FILE),
    privateKeyFile: join(folder, PRIVATE_KEY_FILE),
    made: made.filter((line) => line !== null),
  }
}

async function ensureCertificates(
  folder: string,
  names: readonly string[],
  epochMs: number,
): Promise<string | null> {
  const flaw = await certificatesFlaw(folder, names, epochMs)
  if (flaw === null) return null
  const { caPem, certificatePem, keyPem } = await makeCertificates(names, epochMs)
  // The certificates first: they show whose they are, so that a set that was left half written can be told as ours.
  await writeAtomically(join(folder, CA_FILE), caPem, EVERYBODY_READS)
  await writeAtomically(join(folder, CERTIFICATE_FILE), certificatePem, EVERYBODY_READS)
  await writeAtomically(join(folder, CERTIFICATE_KEY_FILE), keyPem, OWNER_ONLY)
  const files = `${CA_FILE}, ${CERTIFICATE_FILE} and ${CERTIFICATE_KEY_FILE}`
  return flaw === 'none there'
    ? `made ${files}`
    : `made ${files} anew, since ${flaw}: what trusts the old ${CA_FILE} has to trust it again`
}

/** What is wrong with the set, in words; null where it can be used. */
async function certificatesFlaw(
  folder: string,
  names: readonly string[],
  epochMs: number,
): Promise<string | null> {
  const ca = await readAs(folder, CA_FILE, 'a certificate', (pem) => new X509Certificate(pem))
  const certificate = await readAs(
    folder,
    CERTIFICATE_FILE,
    'a certificate',
    (pem) => new X509Certificate(pem),
  )
  const key = await readAs(folder, CERTIFICATE_KEY_FILE, 'a private key', (pem) => createPrivateKey(pem))
  if (ca === null && certificate === null && key === null) return 'none there'
  if (ca !== null && !isOurs(ca.subject)) throw notOurs(CA_FILE)
  if (certificate !== null && !isOurs(certificate.issuer)) throw notOurs(CERTIFICATE_FILE)
  if (ca === null && certificate === null) throw notOurs(CERTIFICATE_KEY_FILE)
  if (ca === null) return `${CA_FILE} is missing`
  if (certificate === null) return `${CERTIFICATE_FILE} is missing`
  if (key === null) return `${CERTIFICATE_KEY_FILE} is missing`
  if (!certificate.checkIssued(ca) || !certificate.verify(ca.publicKey)) {
    return `${CERTIFICATE_FILE} was not issued by ${CA_FILE}`
  }
  if (!certificate.checkPrivateKey(key))
    return `${CERTIFICATE_KEY_FILE} is not the key of ${CERTIFICATE_FILE}`
  return validityFlaw(certificate, epochMs) ?? namesFlaw(certificate, names)
}

function validityFlaw(certificate: X509Certificate, epochMs: number): string | null {
  if (Date.parse(certificate.validFrom) > epochMs) return `${CERTIFICATE_FILE} is not valid yet`
  const remainingMs = Date.parse(certificate.validTo) - epochMs
  return remainingMs < RENEWED_BEFORE_MS ? `${CERTIFICATE_FILE} ends on ${certificate.validTo}` : null
}

function namesFlaw(certificate: X509Certificate, names: readonly string[]): string | null {
  const covers = (name: string) =>
    isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)
  const uncovered = names.find((name) => covers(name) === undefined)
  return uncovered === undefined ? null : `${CERTIFICATE_FILE} is not for ${uncovered}`
}

/** The key that signs tokens is never made anew: who replaces it would break what was told to trust it. */
async function ensurePrivateKey(folder: string): Promise<string | null> {
  const key = await readAs(folder, PRIVATE_KEY_FILE, 'a private key', (pem) => createPrivateKey(pem))
  if (key === null) {
    const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: RSA_BITS })
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
    await writeAtomically(join(folder, PRIVATE_KEY_FILE), pem.toString(), OWNER_ONLY)
    return `made ${PRIVATE_KEY_FILE}, which signs the tokens`
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  if (key.asymmetricKeyType === 'rsa' && bits >= RSA_BITS) return null
  throw new CredentialsUnusable(
    `${join(folder, PRIVATE_KEY_FILE)} is not an RSA key of ${RSA_BITS} bits: move it away to have one made`,
  )
}

/** null where there is no such file. */
async function readAs<T>(
  folder: string,
  name: string,
  kind: string,
  parse: (pem: string) => T,
): Promise<T | null> {
  const path = join(folder, name)
  const there = await access(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  )
  if (!there) return null
  const pem = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CredentialsUnusable(`cannot read ${path}: ${error.code}`)
  })
  try {
    return parse(pem)
  } catch {
    throw new CredentialsUnusable(`${path} is not ${kind} in PEM: move it away to have one made`)
  }
}

function isOurs(name: string): boolean {
  // X509Certificate writes a name's parts one to a line.
  return name.split('\n').sort().join() === CA_NAME.split(', ').sort().join()
}

function notOurs(name: string): CredentialsUnusable {
  return new CredentialsUnusable(
    `${name} was not made by kafka-sse demo, which keeps its own in ${CA_FILE}, ${CERTIFICATE_FILE} and ${CERTIFICATE_KEY_FILE}: move it away`,
  )
}
