// When the certificate that is served ends, which an operator has to be told in time.

import { X509Certificate } from 'node:crypto'
import type { Certificate } from './listener.ts'

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** In epoch ms. */
export interface CertificateEnds {
  /** Of the server's own. */
  readonly own: number
  /** Of the first one that ends in its whole chain. */
  readonly chain: number
}

export function endsOf({ cert }: Certificate): CertificateEnds {
  const endOf = (pem: Buffer | string) => Date.parse(new X509Certificate(pem).validTo)
  const own = endOf(cert)
  return { own, chain: Math.min(own, ...(cert.toString('latin1').match(PEM) ?? []).map(endOf)) }
}

export class ServedCertificate {
  /** Epoch ms, of its chain the first one that ends; null without TLS, and before the server listens. */
  endMs: number | null = null

  /** Called with each one that comes into use; null without TLS. */
  use(certificate: Certificate | null): void {
    this.endMs = certificate === null ? null : endsOf(certificate).chain
  }
}
