// The certificate that every peer serves (P-256, self-signed), and the clients' tokens (RS256, each with a subject of
// its own). They are made for each run, in its own folder, and removed with it.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportSPKI, generateKeyPair, SignJWT } from 'jose'
import { AUDIENCE, ISSUER, SCOPE } from './claims.mjs'
import { makeCertificate } from './load.mjs'

export const VALID_MS = 24 * 3_600_000

/**
 * @typedef {object} Credentials paths of PEM files, and of the file of tokens, one a line
 * @property {string} certificateFile
 * @property {string} certificateKeyFile
 * @property {string} tokenKeyFile public
 * @property {string} tokensFile
 * @property {(name: string, tokens: Token[]) => Promise<string>} writeTokens
 *   writes a further file of tokens, for clients by their number, with further claims; the key that signs them stays
 *   in this process
 * @property {(name: string, lines: string[]) => string} writeLines a further file, whose path is returned
 */

/** @typedef {{ client: number, expiresAt: Date, claims?: object }} Token */

/** @param {string} folder @param {number} clients @returns {Promise<Credentials>} */
export async function makeCredentials(folder, clients) {
  const write = (name, text) => {
    const file = join(folder, name)
    writeFileSync(file, text, { mode: 0o600 })
    return file
  }
  makeCertificate(folder)
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  const writeTokens = async (name, tokens) =>
    write(name, (await Promise.all(tokens.map((token) => sign(privateKey, token)))).join('\n'))
  const expiresAt = new Date(Date.now() + VALID_MS)
  return {
    certificateFile: join(folder, 'certificate.pem'),
    certificateKeyFile: join(folder, 'certificate-key.pem'),
    tokenKeyFile: write('token-key.pem', await exportSPKI(publicKey)),
    tokensFile: await writeTokens(
      'tokens.txt',
      Array.from({ length: clients }, (_, client) => ({ client, expiresAt })),
    ),
    writeTokens,
    writeLines: (name, lines) => write(name, lines.join('\n')),
  }
}

function sign(privateKey, { client, expiresAt, claims }) {
  return new SignJWT({ scope: SCOPE, ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'bench' })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject(`client-${client}`)
    .setExpirationTime(expiresAt)
    .sign(privateKey)
}
