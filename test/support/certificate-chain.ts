// Certificates with chosen faults, for tests of what is said of them: any names, dates, issuer and key.

import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { keepSecret } from './printed.ts'

const DAY_MS = 86_400_000
const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

export interface Issued {
  readonly pem: string
  readonly keyPem: string
  readonly certificate: x509.X509Certificate
  readonly keys: CryptoKeyPair
}

export interface IssueOptions {
  readonly subject: string
  /** null: it signs itself. */
  readonly issuer?: Issued | null
  /** DNS names; empty: it has no subjectAltName. */
  readonly names?: readonly string[]
  readonly isAuthority?: boolean
  /** An RSA key in place of one of P-256. */
  readonly rsaBits?: number
  /** OIDs of extendedKeyUsage; empty: it has none. */
  readonly uses?: readonly string[]
}

/** Good from a day ago for ninety days. */
export async function issue({
  subject,
  issuer = null,
  names = [],
  isAuthority = false,
  rsaBits,
  uses = [],
}: IssueOptions): Promise<Issued> {
  const rsa = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    publicExponent: new Uint8Array([1, 0, 1]),
    modulusLength: rsaBits ?? 2048,
  }
  const algorithm = rsaBits === undefined ? P256 : rsa
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const signer = issuer?.keys ?? keys
  const certificate = await x509.X509CertificateGenerator.create(
    {
      subject: `CN=${subject}`,
      issuer: issuer?.certificate.subject ?? `CN=${subject}`,
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + 89 * DAY_MS),
      publicKey: keys.publicKey,
      signingKey: signer.privateKey,
      signingAlgorithm: issuer === null ? algorithm : P256,
      extensions: [
        new x509.BasicConstraintsExtension(isAuthority, undefined, true),
        ...(uses.length > 0 ? [new x509.ExtendedKeyUsageExtension([...uses])] : []),
        ...(names.length > 0
          ? [
              new x509.SubjectAlternativeNameExtension(
                names.map((value) => ({ type: 'dns' as const, value })),
              ),
            ]
          : []),
      ],
    },
    crypto,
  )
  const key = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
  const keyPem = keepSecret(`${x509.PemConverter.encode(key, 'PRIVATE KEY')}\n`)
  return { pem: `${certificate.toString('pem')}\n`, keyPem, certificate, keys }
}
