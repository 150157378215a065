// Tells in the log that the certificate that is served ends soon, or has ended: at the start, and once a day. Otherwise
// clients that cannot connect would be the first sign of a renewal that fails.

import { X509Certificate } from 'node:crypto'
import type { Certificate } from '../http/listener.ts'

const DAY_MS = 86_400_000
/** As `kafka-sse check` has it. */
const SOON_MS = 14 * DAY_MS

interface Served {
  readonly log: Record<'warn' | 'error', (about: { endsAt: string }, words: string) => void>
  /** null: without TLS. */
  readonly certificate: Certificate | null
}

/** In ms since 1970. */
function endOf({ cert }: Certificate): number {
  return Date.parse(new X509Certificate(cert).validTo)
}

/** Until the timer is cleared, which keeps no process alive. */
export function tellCertificateEnds(served: Served): NodeJS.Timeout {
  tellEnd(served)
  return setInterval(() => tellEnd(served), DAY_MS).unref()
}

function tellEnd({ log, certificate }: Served): void {
  if (certificate === null) return
  const endMs = endOf(certificate)
  const endsAt = new Date(endMs).toISOString()
  if (endMs <= Date.now()) log.error({ endsAt }, 'the certificate has expired: clients refuse to connect')
  else if (endMs <= Date.now() + SOON_MS) log.warn({ endsAt }, 'the certificate ends soon')
}

/** One that is valid only from later on is taken: nothing would ask for it again, and the one before it will end. */
export function refuseExpired(certificate: Certificate): void {
  const endMs = endOf(certificate)
  if (endMs <= Date.now())
    throw new Error(`TLS_CERT_FILE: the certificate expired at ${new Date(endMs).toISOString()}`)
}
