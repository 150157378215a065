// Chromium for the tests, if the machine has one.

import { createHash, X509Certificate } from 'node:crypto'
import { type Browser, chromium } from 'playwright-core'
import { programPath } from '../support/programs.ts'

/** null: there is none. */
export const CHROMIUM = process.env.CHROMIUM ?? programPath('chromium', 'chromium-browser', 'google-chrome')

/**
 * Trusts only the demo's own certificate, if there is one, and speaks only to the demo. `more`: further arguments;
 * `left`: those of Playwright that are left out.
 */
export async function launch(
  certificate?: Buffer,
  more: readonly string[] = [],
  left: string[] = [],
): Promise<Browser> {
  return await chromium.launch({
    executablePath: CHROMIUM ?? '',
    ignoreDefaultArgs: left,
    args: [
      ...(certificate ? [`--ignore-certificate-errors-spki-list=${pinOf(certificate)}`] : []),
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // A page of a name that is made up may otherwise ask nothing of localhost.
      '--disable-features=LocalNetworkAccessChecks',
      ...more,
    ],
  })
}

function pinOf(certificate: Buffer): string {
  const { publicKey } = new X509Certificate(certificate)
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64')
}
