// Keys from a file that is watched: a new file takes effect without a restart, a broken or missing one changes
// nothing but the log. The file's text is never quoted, since it may be a private key.

import { readFileSync, type Stats, statSync, unwatchFile, watchFile } from 'node:fs'
import type { FastifyBaseLogger } from 'fastify'
import {
  chooseKey,
  type KeyChoice,
  type KeyHeader,
  type KeySet,
  KeysUnreadable,
  readKeySet,
} from './key-set.ts'
import type { KeySource } from './key-source.ts'
import type { Algorithm } from './verification-key.ts'

/** A hundred RSA keys with certificates stay below it. */
export const KEY_FILE_BYTES_MAX = 1024 * 1024
/**
 * The file's state is polled, not its directory's events: a Kubernetes secret changes by a symlink two levels up, and
 * network file systems send no events. One stat a second is nothing.
 */
const POLL_MS = 1_000

export class KeyFile implements KeySource {
  readonly #path: string
  readonly #rsaAlgorithm: Algorithm
  readonly #log: FastifyBaseLogger
  /** The last set that could be read whole. */
  #set: KeySet

  constructor(path: string, rsaAlgorithm: Algorithm, log: FastifyBaseLogger, pollMs: number = POLL_MS) {
    this.#path = path
    this.#rsaAlgorithm = rsaAlgorithm
    this.#log = log
    this.#set = readKeyFile(path, rsaAlgorithm)
    watchFile(path, { interval: pollMs, persistent: false }, this.#changed)
  }

  async find(header: KeyHeader): Promise<KeyChoice> {
    return chooseKey(this.#set, header)
  }

  notReady(): null {
    return null
  }

  close(): void {
    unwatchFile(this.#path, this.#changed)
  }

  readonly #changed = (now: Stats, before: Stats): void => {
    if (now.mtimeMs === before.mtimeMs && now.size === before.size && now.ino === before.ino) return
    try {
      this.#set = readKeyFile(this.#path, this.#rsaAlgorithm)
      this.#log.info({ file: this.#path, keys: this.#set.keys.length }, 'key file read again')
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#log.error({ file: this.#path, reason }, 'key file is broken; the keys read before stay in use')
    }
  }
}

/** Throws one line that names the file. */
function readKeyFile(path: string, rsaAlgorithm: Algorithm): KeySet {
  try {
    return readKeySet(readBounded(path), rsaAlgorithm)
  } catch (error) {
    throw new Error(`auth.keys: ${path}: ${readFailure(error)}`)
  }
}

function readBounded(path: string): string {
  const state = statSync(path)
  if (!state.isFile()) throw new KeysUnreadable('it is not a file')
  if (state.size > KEY_FILE_BYTES_MAX)
    throw new KeysUnreadable(`it is larger than ${KEY_FILE_BYTES_MAX} bytes`)
  return readFileSync(path, 'utf8')
}

function readFailure(error: unknown): string {
  if (error instanceof KeysUnreadable) return error.message
  if (error instanceof Error && 'code' in error) return `it cannot be read (${String(error.code)})`
  throw error
}
