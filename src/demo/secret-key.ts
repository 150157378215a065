// The demo's SECRET_KEY, in its working folder, kept between starts: sealed ids stay good, and clients resume. Promise:
// only its owner can read the file. A file that holds no key is named, and never replaced.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isSecretKey, newSecretKey } from '../config/secret-key.ts'
import { errorCode } from '../errors.ts'
import { writeAtomically } from './atomic-file.ts'
import { CredentialsUnusable } from './credentials.ts'
import { SECRET_KEY_FILE } from './identity.ts'

export interface DemoSecretKey {
  readonly secretKey: string
  /** A line if the file was created. */
  readonly made: readonly string[]
}

const OWNER_ONLY = 0o600

/** Creates the file if there is none. Rejects with CredentialsUnusable. */
export async function ensureDemoSecretKey(folder: string): Promise<DemoSecretKey> {
  const path = join(folder, SECRET_KEY_FILE)
  const kept = await readIfThere(path)
  if (kept === null) await writeAtomically(path, `${newSecretKey()}\n`, OWNER_ONLY)
  // What was written is read, too: a demo that starts in the same folder at the same time may have replaced it.
  const secretKey = (kept ?? (await readIfThere(path)) ?? '').replace(/\r?\n$/, '')
  if (!isSecretKey(secretKey))
    throw new CredentialsUnusable(`${path} is not 32 random bytes in base64url: move it away to have it made`)
  return { secretKey, made: kept === null ? [`made ${SECRET_KEY_FILE}, which seals event ids`] : [] }
}

async function readIfThere(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null
    throw new CredentialsUnusable(`cannot read ${path}: ${errorCode(error) ?? 'it failed'}`)
  })
}
