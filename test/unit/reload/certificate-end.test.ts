// That the certificate which is served ends soon, or has ended, is told when it is served, and once a day.

import { afterEach, expect, it, vi } from 'vitest'
import { makeCertificates } from '../../../src/demo/certificates.ts'
import type { Certificate } from '../../../src/http/listener.ts'
import { tellCertificateEnds } from '../../../src/reload/certificate-end.ts'
import { keepSecret } from '../../support/printed.ts'

const DAY_MS = 86_400_000
/** Of the demo's certificates. */
const LIFE_DAYS = 397
const EXPIRED = 'error: the certificate has expired: clients refuse to connect'
const SOON = 'warn: the certificate ends soon'

afterEach(() => {
  vi.clearAllTimers()
  vi.useRealTimers()
})

/** One that has so many days left. */
async function certificate(days: number): Promise<Certificate> {
  const madeMs = Date.now() - (LIFE_DAYS - days) * DAY_MS
  const { certificatePem, keyPem } = await makeCertificates(['localhost'], madeMs)
  return { cert: Buffer.from(certificatePem), key: Buffer.from(keepSecret(keyPem)) }
}

function serve(served: Certificate | null) {
  const lines: string[] = []
  const keep = (level: string) => (about: { endsAt: string }, words: string) => {
    expect(about.endsAt).toMatch(/^20\d\d-.*Z$/)
    lines.push(`${level}: ${words}`)
  }
  const app = { certificate: served, log: { warn: keep('warn'), error: keep('error') } }
  vi.useFakeTimers({ now: Date.now() })
  tellCertificateEnds(app)
  return { app, lines }
}

it('once a day from 14 days before its end on, and after it', async () => {
  const { lines } = serve(await certificate(15.5))
  vi.advanceTimersByTime(DAY_MS)
  expect(lines).toEqual([])
  vi.advanceTimersByTime(14 * DAY_MS)
  expect(lines).toEqual(Array(14).fill(SOON))
  vi.advanceTimersByTime(2 * DAY_MS)
  expect(lines.slice(14)).toEqual([EXPIRED, EXPIRED])
})

it('at once, and no more when another one is served; never without TLS', async () => {
  const [past, next] = [await certificate(-1), await certificate(100)]
  const { app, lines } = serve(past)
  expect(lines).toEqual([EXPIRED])
  app.certificate = next
  vi.advanceTimersByTime(5 * DAY_MS)
  expect(lines).toHaveLength(1)
  expect(serve(null).lines).toEqual([])
})

it('of its chain, too', async () => {
  const [own, soon, past] = [await certificate(100), await certificate(10), await certificate(-1)]
  const withChain = (other: Certificate) => ({ ...own, cert: Buffer.concat([own.cert, other.cert]) })
  expect(serve(withChain(soon)).lines).toEqual([SOON])
  vi.useRealTimers()
  expect(serve(withChain(past)).lines).toEqual(['warn: a certificate of the chain has expired'])
})
