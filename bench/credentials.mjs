// The one certificate that every peer serves (P-256, self-signed), and the tokens that the clients carry (RS256, each with a
// subject of its own). Made anew for each run, in its own folder that goes with it.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportSPKI, generateKeyPair, SignJWT } from 'jose'
import { AUDIENCE, ISSUER, SCOPE } from './claims.mjs'
import { makeCertificate } from './load.mjs'

const VALID_MS = 24 * 3_600_000

/**
 * @typedef {object} Credentials paths of PEM files, and of the tokens, one a line
 * @property {string} certificateFile
 * @property {string} certificateKeyFile
 * @property {string} tokenKeyFile public
 * @property {string} tokensFile
 */

/** @param {string} folder @param {number} clients @returns {Promise<Credentials>} */
export async function makeCredentials(folder, clients) {
  const write = (name, text) => {
    const file = join(folder, name)
    writeFileSync(file, text, { mode: 0o600 })
    return file
  }
  makeCertificate(folder)
  const tokens = await makeTokens(clients)
  return {
    certificateFile: join(folder, 'certificate.pem'),
    certificateKeyFile: join(folder, 'certificate-key.pem'),
    tokenKeyFile: write('token-key.pem', tokens.publicKey),
    tokensFile: write('tokens.txt', tokens.lines.join('\n')),
  }
}

async function makeTokens(count) {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  const sign = (subject) =>
    new SignJWT({ scope: SCOPE })
      .setProtectedHeader({ alg: 'RS256', kid: 'bench' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(subject)
      .setExpirationTime(new Date(Date.now() + VALID_MS))
      .sign(privateKey)
  const lines = await Promise.all(Array.from({ length: count }, (_, i) => sign(`client-${i}`)))
  return { lines, publicKey: await exportSPKI(publicKey) }
}
