// Opens the key source that `auth.keys` names: PEM or JWKS text, a file, or a URL, all asked the same way.
// Promise: no error quotes the setting, since it may be a secret.

import type { FastifyBaseLogger } from 'fastify'
import { type Algorithm, keySetting } from '../../../src/token/key-setting.ts'
import { KeyEndpoint } from './key-fetch.ts'
import { KeyFile } from './key-file.ts'
import {
  chooseKey,
  type KeyChoice,
  type KeyHeader,
  type KeySet,
  KeysUnreadable,
  readKeySet,
} from './key-set.ts'
import { type KeySource, type KeyState, OwnKeySource } from './key-source.ts'
import { type RemoteKeyLimits, RemoteKeys } from './remote-keys.ts'

/** Plain data: a worker sends it to the main thread. */
export interface KeySettings extends RemoteKeyLimits {
  /** A JWKS or discovery URL, the path of a PEM, JWK or JWKS file, or the text of one. */
  readonly keys: string
  readonly issuer: string
  /** `alg` of RSA keys that name none. */
  readonly rsaAlgorithm: Algorithm
}

/** Gives plugins/auth its keys. The main thread opens them by `openKeySource`; workers ask the main thread. */
export type OpenKeys = (settings: KeySettings, log: FastifyBaseLogger) => KeySource | Promise<KeySource>

/** Throws one line that names the file or the setting if its keys cannot be read. A URL is fetched later. */
export function openKeySource(settings: KeySettings, log: FastifyBaseLogger): OwnKeySource {
  const { issuer, rsaAlgorithm } = settings
  const setting = keySetting(settings.keys)
  switch (setting.kind) {
    case 'url':
      return new RemoteKeys(settings, {
        endpoint: new KeyEndpoint(setting.url, issuer),
        rsaAlgorithm,
        log,
        nowMs: () => performance.now(),
      })
    case 'text':
      return new FixedKeys(readFixed(setting.text, rsaAlgorithm))
    case 'file':
      return new KeyFile(setting.path, rsaAlgorithm, log)
    case 'wrong':
      throw new Error(`auth.keys ${setting.words}`)
  }
}

class FixedKeys extends OwnKeySource {
  readonly state: KeyState
  private readonly set: KeySet

  constructor(set: KeySet) {
    super()
    this.set = set
    this.state = { set, trouble: null }
  }

  async find(header: KeyHeader): Promise<KeyChoice> {
    return chooseKey(this.set, header)
  }

  close(): void {}
}

function readFixed(text: string, rsaAlgorithm: Algorithm): KeySet {
  try {
    const set = readKeySet(text, rsaAlgorithm)
    if (set.keys.length === 0) throw new KeysUnreadable('it has no keys')
    return set
  } catch (error) {
    if (error instanceof KeysUnreadable) throw new Error(`auth.keys: ${error.message}`)
    throw error
  }
}
