// Generates the demo's certificates: an authority, and one server certificate that it signs. Promise: the authority's
// key is never stored, so no other certificate can be signed. Trust in test-ca.crt is trust in one server.

import { randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
// Required by @peculiar/x509. It changes `Reflect`, so only the demo loads the two.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'

export const CA_NAME = 'CN=kafka-sse demo CA, O=fastify-kafka-sse'

export interface Certificates {
  caPem: string
  certificatePem: string
  keyPem: string
}

const DAY_MS = 86_400_000
/** Browsers refuse server certificates of more than 398 days. One hour lies in the past, for slow clocks. */
const LIFE_MS = 397 * DAY_MS
const BEFORE_MS = 3_600_000
/** P-256 costs a TLS handshake 1.3 ms of CPU where RSA-2048 costs 2.0. */
const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** `names`: the DNS names and IP addresses of the server certificate. */
export async function makeCertificates(names: readonly string[], epochMs: number): Promise<Certificates> {
  const [caKeys, serverKeys] = [await generateKeys(), await generateKeys()]
  const validity = { notBefore: new Date(epochMs - BEFORE_MS), notAfter: new Date(epochMs + LIFE_MS) }
  const ca = await makeCa(caKeys, validity)
  const certificate = await makeServerCertificate(names, serverKeys, ca, caKeys.privateKey, validity)
  const key = await crypto.subtle.exportKey('pkcs8', serverKeys.privateKey)
  return {
    caPem: `${ca.toString('pem')}\n`,
    certificatePem: `${certificate.toString('pem')}\n`,
    keyPem: `${x509.PemConverter.encode(key, 'PRIVATE KEY')}\n`,
  }
}

interface Validity {
  notBefore: Date
  notAfter: Date
}

async function makeCa(keys: CryptoKeyPair, validity: Validity): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.createSelfSigned(
    {
      ...validity,
      name: CA_NAME,
      serialNumber: serialNumber(),
      keys,
      signingAlgorithm: P256,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
      ],
    },
    crypto,
  )
}

async function makeServerCertificate(
  names: readonly string[],
  keys: CryptoKeyPair,
  ca: x509.X509Certificate,
  signingKey: CryptoKey,
  validity: Validity,
): Promise<x509.X509Certificate> {
  const alternatives = names.map((value) => ({
    type: isAddress(value) ? ('ip' as const) : ('dns' as const),
    value,
  }))
  return x509.X509CertificateGenerator.create(
    {
      ...validity,
      subject: 'CN=localhost, O=fastify-kafka-sse demo',
      issuer: ca.subject,
      serialNumber: serialNumber(),
      publicKey: keys.publicKey,
      signingKey,
      signingAlgorithm: P256,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(alternatives),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
        await x509.AuthorityKeyIdentifierExtension.create(ca.publicKey, false, crypto),
      ],
    },
    crypto,
  )
}

async function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(P256, true, ['sign', 'verify'])
}

/** Positive, with 126 random bits (RFC 5280 section 4.1.2.2): browsers refuse two of one issuer and number. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}

function isAddress(name: string): boolean {
  return isIP(name) !== 0
}
