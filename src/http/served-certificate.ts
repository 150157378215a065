// When the certificate that is served ends, which an operator has to be told in time.

import { X509Certificate } from 'node:crypto'
import type { Certificate } from './listener.ts'

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

export class ServedCertificate {
  /** Epoch ms, of its chain the first one that ends; null without TLS, and before the server listens. */
  endMs: number | null = null

  /** Called with each one that comes into use; null without TLS. */
  use(certificate: Certificate | null): void {
    this.endMs = certificate === null ? null : endMsOf(certificate.cert.toString('latin1'))
  }
}

function endMsOf(chain: string): number | null {
  const ends = (chain.match(PEM) ?? []).map((pem) => Date.parse(new X509Certificate(pem).validTo))
  return ends.length === 0 ? null : Math.min(...ends)
}
