// Opens the key source that `auth.keys` names: PEM or JWKS text, a file, or a URL, all asked the same way.
// Promise: no error quotes the setting, since it may be a secret.

import type { FastifyBaseLogger } from 'fastify'
import { ConfigError } from '../../../src/config/config-error.ts'
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
  /** What `issuer` is called where it was set, for errors. */
  readonly issuerSetting: string
  /** `alg` of RSA keys that name none. */
  readonly rsaAlgorithm: Algorithm
}

/** Gives plugins/auth its keys. The main thread opens them by `openCheckedKeys`; workers ask the main thread. */
export type OpenKeys = (settings: KeySettings, log: FastifyBaseLogger) => KeySource | Promise<KeySource>

/** A provider that does not answer within this is not waited for: readiness says what it lacks. */
const DISCOVERY_WAIT_MS = 3_000
const DISCOVERY_DOCUMENT = /\/\.well-known\/(openid-configuration|oauth-authorization-server)/

/**
 * As `openKeySource`. Rejects also if the discovery document is of another issuer, often by a slash at the end: then no
 * token could ever be verified.
 */
export async function openCheckedKeys(settings: KeySettings, log: FastifyBaseLogger): Promise<OwnKeySource> {
  const source = openKeySource(settings, log)
  if (!(source instanceof RemoteKeys) || !DISCOVERY_DOCUMENT.test(settings.keys)) return source
  const mistake = await source.firstMistake(DISCOVERY_WAIT_MS)
  if (mistake === null) return source
  source.close()
  throw new ConfigError([`${mistake}: set it to what the document says`])
}

/** Throws a ConfigError whose line names the file or the setting if its keys cannot be read. A URL is fetched later. */
export function openKeySource(settings: KeySettings, log: FastifyBaseLogger): OwnKeySource {
  const { rsaAlgorithm } = settings
  const setting = keySetting(settings.keys)
  switch (setting.kind) {
    case 'url':
      return new RemoteKeys(settings, {
        endpoint: new KeyEndpoint(setting.url, settings),
        rsaAlgorithm,
        log,
        nowMs: () => performance.now(),
      })
    case 'text':
      return new FixedKeys(readFixed(setting.text, rsaAlgorithm))
    case 'file':
      return new KeyFile(setting.path, rsaAlgorithm, log)
    case 'wrong':
      throw new ConfigError([`auth.keys ${setting.words}`])
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
    if (error instanceof KeysUnreadable) throw new ConfigError([`auth.keys: ${error.message}`])
    throw error
  }
}
