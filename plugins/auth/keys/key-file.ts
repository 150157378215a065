// Keys from a file, which is watched: a new file takes effect without a restart. A broken or missing file is logged,
// and the keys stay in use. The file's text is never quoted, because it may be a private key.

import { readFileSync, type Stats, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { FastifyBaseLogger } from 'fastify'
import { ConfigError } from '../../../src/config/config-error.ts'
import { errorCode, errorWords } from '../../../src/errors.ts'
import { type Algorithm, keyPathWords } from '../../../src/token/key-setting.ts'
import {
  chooseKey,
  type KeyChoice,
  type KeyHeader,
  type KeySet,
  KeysUnreadable,
  readKeySet,
} from './key-set.ts'
import { type KeyState, OwnKeySource } from './key-source.ts'

/** A hundred RSA keys with certificates are smaller. */
export const KEY_FILE_BYTES_MAX = 1024 * 1024
/**
 * Polls the file instead of watching its directory. A Kubernetes secret changes by a symlink two levels up, and network
 * file systems send no events. One stat a second costs nothing. `fs.watchFile` also polls, but takes its first state
 * after we have read the file, so it would miss a change in between.
 */
const POLL_MS = 1_000

export class KeyFile extends OwnKeySource {
  private readonly path: string
  private readonly rsaAlgorithm: Algorithm
  private readonly log: FastifyBaseLogger
  private readonly timer: NodeJS.Timeout
  /** The last set that was read without an error. */
  private set: KeySet
  /** The file's state before it was last read, so that every later change is noticed. */
  private fileState: string
  private isPolling = false

  constructor(path: string, rsaAlgorithm: Algorithm, log: FastifyBaseLogger, pollMs: number = POLL_MS) {
    super()
    this.path = path
    this.rsaAlgorithm = rsaAlgorithm
    this.log = log
    this.fileState = firstState(path)
    this.set = readKeyFile(path, rsaAlgorithm)
    if (this.set.keys.length === 0) throw new ConfigError([`auth.keys: ${path}: it has no keys`])
    this.timer = setInterval(() => void this.poll(), pollMs).unref()
  }

  get state(): KeyState {
    return { set: this.set, trouble: null }
  }

  async find(header: KeyHeader): Promise<KeyChoice> {
    return chooseKey(this.set, header)
  }

  close(): void {
    clearInterval(this.timer)
  }

  /** At most one poll at a time, even if the file system hangs. */
  private async poll(): Promise<void> {
    if (this.isPolling) return
    this.isPolling = true
    const state = await stat(this.path).then(stateOf, unreadable)
    this.isPolling = false
    if (state === this.fileState) return
    this.fileState = state
    this.read()
  }

  private read(): void {
    try {
      this.set = readKeyFile(this.path, this.rsaAlgorithm)
      const { keys, passedOver } = this.set
      const about = { file: this.path, keys: keys.length, passedOver }
      if (keys.length === 0) this.log.warn(about, 'the key file is empty: every token is refused')
      else this.log.info(about, 'key file read again')
      this.changed()
    } catch (error) {
      const reason = errorWords(error)
      this.log.error({ file: this.path, reason }, 'key file is broken; the keys read before stay in use')
    }
  }
}

/** Never throws: if the file is missing, reading it reports that. */
function firstState(path: string): string {
  try {
    return stateOf(statSync(path))
  } catch (error) {
    return unreadable(error)
  }
}

function stateOf(file: Stats): string {
  return [file.ino, file.size, file.mtimeMs, file.ctimeMs].join(' ')
}

/** Throws a ConfigError whose line names the file. */
function readKeyFile(path: string, rsaAlgorithm: Algorithm): KeySet {
  try {
    return readKeySet(readBounded(path), rsaAlgorithm)
  } catch (error) {
    const shown = error instanceof KeysUnreadable ? path : keyPathWords(path)
    throw new ConfigError([`auth.keys: ${shown}: ${readFailure(error)}`])
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
  return error instanceof KeysUnreadable ? error.message : `it cannot be read (${unreadable(error)})`
}

/** Why the file cannot be read: a system error's code, such as ENOENT. */
function unreadable(error: unknown): string {
  return errorCode(error) ?? errorWords(error)
}
