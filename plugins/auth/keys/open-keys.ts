// Opens the key source that `auth.keys` names: PEM or JWKS text, a file, or a URL, all asked the same way.
// Promise: no error quotes the setting, since it may be a secret.

import type { FastifyBaseLogger } from 'fastify'
import { type Algorithm, keySetting } from '../../../src/token/key-setting.ts'
import { KeyFile } from './key-file.ts'
import { chooseKey, KeysUnreadable, readKeySet } from './key-set.ts'
import type { KeySource } from './key-source.ts'
import { type RemoteKeyLimits, RemoteKeys } from './remote-keys.ts'

export interface KeySettings extends RemoteKeyLimits {
  /** A JWKS or discovery URL, the path of a PEM, JWK or JWKS file, or the text of one. */
  readonly keys: string
  readonly issuer: string
  /** `alg` of RSA keys that name none. */
  readonly rsaAlgorithm: Algorithm
}

/** Throws one line that names the file or the setting if its keys cannot be read. A URL is fetched later. */
export function openKeySource(settings: KeySettings, log: FastifyBaseLogger): KeySource {
  const { issuer, rsaAlgorithm } = settings
  const setting = keySetting(settings.keys)
  switch (setting.kind) {
    case 'url':
      return new RemoteKeys(setting.url, settings, {
        issuer,
        rsaAlgorithm,
        log,
        nowMs: () => performance.now(),
      })
    case 'text':
      return fixedKeys(setting.text, rsaAlgorithm)
    case 'file':
      return new KeyFile(setting.path, rsaAlgorithm, log)
    case 'wrong':
      throw new Error(`auth.keys ${setting.words}`)
  }
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
