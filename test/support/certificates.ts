// A server certificate for this machine, made once for a test file: making one takes longer than many a test.

import { type Certificates, makeCertificates } from '../../src/demo/certificates.ts'
import { keepSecret } from './printed.ts'

let made: Promise<Certificates> | null = null

/** Of `localhost` and 127.0.0.1. */
export function localCertificates(): Promise<Certificates> {
  made ??= make()
  return made
}

async function make(): Promise<Certificates> {
  const certificates = await makeCertificates(['localhost', '127.0.0.1'], Date.now())
  keepSecret(certificates.keyPem)
  return certificates
}
