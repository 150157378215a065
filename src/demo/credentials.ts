// The demo's keys and certificates, in its working folder, kept between starts. Promise: it overwrites only its own
// files. Only their owner can read private ones. A set that does not fit together is replaced with a message.

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
  /** Names and addresses that the server certificate must have besides localhost. */
  names: readonly string[]
}

export interface DemoCredentials {
  caFile: string
  certFile: string
  keyFile: string
  privateKeyFile: string
  /** A line for each file that was created or replaced, with the reason. */
  made: readonly string[]
}

/** The message is one line: the file that cannot be used, and what to do. */
export class CredentialsUnusable extends Error {}

/** Certificates are replaced this long before they end, so that they do not end while a demo runs. */
const RENEWED_BEFORE_MS = 30 * 86_400_000
const RSA_BITS = 2048
const OWNER_ONLY = 0o600
const WORLD_READABLE = 0o644

/** Creates the files that are missing. Rejects with CredentialsUnusable. */
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
  // Certificates first: they name their issuer, so that a set that is only half written is recognised as ours.
  await writeAtomically(join(folder, CA_FILE), caPem, WORLD_READABLE)
  await writeAtomically(join(folder, CERTIFICATE_FILE), certificatePem, WORLD_READABLE)
  await writeAtomically(join(folder, CERTIFICATE_KEY_FILE), keyPem, OWNER_ONLY)
  const files = `${CA_FILE}, ${CERTIFICATE_FILE} and ${CERTIFICATE_KEY_FILE}`
  return flaw === 'none there'
    ? `made ${files}`
    : `replaced ${files}, because ${flaw}: clients that trust the old ${CA_FILE} must trust the new one`
}

/** Why the set cannot be used, in words; null if it can be used. */
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

/** The key that signs tokens is never replaced, because servers may have been configured with it. */
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

/** null if there is no such file. */
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
  // X509Certificate has the parts of a name on separate lines.
  return name.split('\n').sort().join() === CA_NAME.split(', ').sort().join()
}

function notOurs(name: string): CredentialsUnusable {
  return new CredentialsUnusable(
    `${name} was not made by kafka-sse demo, which has its own in ` +
      `${CA_FILE}, ${CERTIFICATE_FILE} and ${CERTIFICATE_KEY_FILE}: move it away`,
  )
}
