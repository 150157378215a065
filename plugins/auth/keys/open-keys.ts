// Where keys come from: PEM or JWKS text, a file, or a URL, all asked the same way.
// Promise: what the setting means is decided once, and nothing secret in it is ever quoted back.

import type { FastifyBaseLogger } from 'fastify'
import { KeyFile } from './key-file.ts'
import { chooseKey, KeysUnreadable, readKeySet } from './key-set.ts'
import type { KeySource } from './key-source.ts'
import { type RemoteKeyLimits, RemoteKeys } from './remote-keys.ts'
import type { Algorithm } from './verification-key.ts'

export interface KeySettings extends RemoteKeyLimits {
  /** A JWKS or discovery URL, the path of a PEM, JWK or JWKS file, or such text itself. */
  readonly keys: string
  readonly issuer: string
  /** `alg` of RSA keys that name none. */
  readonly rsaAlgorithm: Algorithm
}

/** Throws one line that names the file or the setting where its keys cannot be read. A URL is fetched afterwards. */
export function openKeySource(settings: KeySettings, log: FastifyBaseLogger): KeySource {
  const { keys, issuer, rsaAlgorithm } = settings
  if (/^https?:\/\//i.test(keys)) {
    return new RemoteKeys(keysUrl(keys), settings, {
      issuer,
      rsaAlgorithm,
      log,
      nowMs: () => performance.now(),
    })
  }
  if (/^\s*\{/.test(keys) || keys.includes('-----BEGIN ')) return fixedKeys(keys, rsaAlgorithm)
  // Not quoted: what spans lines is no path, but perhaps a key whose first line was lost.
  if (keys.trim() === '' || /[\r\n]/.test(keys))
    throw new Error('auth.keys is neither a URL, a file nor PEM text')
  return new KeyFile(keys, rsaAlgorithm, log)
}

function fixedKeys(text: string, rsaAlgorithm: Algorithm): KeySource {
  const set = readFixed(text, rsaAlgorithm)
  return { find: async (header) => chooseKey(set, header), notReady: () => null, close: () => {} }
}

function readFixed(text: string, rsaAlgorithm: Algorithm): ReturnType<typeof readKeySet> {
  try {
    return readKeySet(text, rsaAlgorithm)
  } catch (error) {
    if (error instanceof KeysUnreadable) throw new Error(`auth.keys: ${error.message}`)
    throw error
  }
}

function keysUrl(text: string): URL {
  if (!URL.canParse(text)) throw new Error('auth.keys is not a valid URL')
  const url = new URL(text)
  // fetch refuses such URLs, quoting them; logs name the URL, too.
  if (url.username !== '' || url.password !== '')
    throw new Error('auth.keys is a URL without a user or password')
  return url
}
