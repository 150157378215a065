// Certificate and key are two files, which are read one after the other. Promise: a reading between the replacement of
// the one and of the other is repeated once before it counts, so that it ends neither a start nor a reload.

import { setTimeout as pause } from 'node:timers/promises'
import { createSecureContext } from 'node:tls'
import { ConfigError } from '../config/config-error.ts'
import { type Certificate, readTls } from '../http/listener.ts'
import type { ServerOptions, TlsOptions } from '../options.ts'

/** Longer than tools take from the one file to the other, and hardly a delay for one who has mixed them up. */
export const REPLACED_MS = 200

const PROBLEM = /^TLS_(CERT|KEY)_FILE: /

/** The settings, by `read`. Its error is the one of the last reading. */
export function readSettled(read: () => Promise<ServerOptions>): Promise<ServerOptions> {
  const isOfPair = (error: unknown) =>
    error instanceof ConfigError && error.problems.some((problem) => PROBLEM.test(problem))
  return repeated(read, isOfPair)
}

/** Rejects if a file cannot be read, or the parts do not belong together. */
export function readPair(files: TlsOptions): Promise<Certificate> {
  return repeated(
    async () => {
      const pair = await readTls(files)
      requirePair(pair)
      return pair
    },
    () => true,
  )
}

/** Once more after a while, for an error that may be over by then. */
async function repeated<T>(read: () => Promise<T>, mayEnd: (error: unknown) => boolean): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (!mayEnd(error)) throw error
    await pause(REPLACED_MS)
    return read()
  }
}

function requirePair(pair: Certificate): void {
  try {
    createSecureContext(pair)
  } catch {
    // Its error may quote the file. The settings were good a moment ago, so the files are being replaced.
    throw new Error('TLS_CERT_FILE and TLS_KEY_FILE do not belong together')
  }
}
