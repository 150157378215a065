// Tells in the log that the certificate that is served, or one of its chain, ends soon or has ended: at the start, and
// once a day. Otherwise clients that cannot connect would be the first sign of a renewal that fails.

import type { Certificate } from '../http/listener.ts'
import { endsOf } from '../http/served-certificate.ts'

const DAY_MS = 86_400_000
/** As `kafka-sse check` has it. */
const SOON_MS = 14 * DAY_MS

interface Served {
  readonly log: Record<'warn' | 'error', (about: { endsAt: string }, words: string) => void>
  /** null: without TLS. */
  readonly certificate: Certificate | null
}

/** Until the timer is cleared, which keeps no process alive. */
export function tellCertificateEnds(served: Served): NodeJS.Timeout {
  tellEnd(served)
  return setInterval(() => tellEnd(served), DAY_MS).unref()
}

function tellEnd({ log, certificate }: Served): void {
  if (certificate === null) return
  const { own, chain } = endsOf(certificate)
  const epochMs = Date.now()
  const endsAt = new Date(own <= epochMs ? own : chain).toISOString()
  if (own <= epochMs) log.error({ endsAt }, 'the certificate has expired: clients refuse to connect')
  else if (chain <= epochMs) log.warn({ endsAt }, 'a certificate of the chain has expired')
  else if (chain <= epochMs + SOON_MS) log.warn({ endsAt }, 'the certificate ends soon')
}

/** One that is valid only from later on is taken: nothing would ask for it again, and the one before it will end. */
export function refuseExpired(certificate: Certificate): void {
  const { own } = endsOf(certificate)
  if (own <= Date.now())
    throw new Error(`TLS_CERT_FILE: the certificate expired at ${new Date(own).toISOString()}`)
}
