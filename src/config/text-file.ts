// Reads a file that a configuration names, as text. Promise: it never blocks the start, because it refuses pipes and
// devices, and files beyond 1 MiB.

import { readFileSync, type StatsBase, statSync } from 'node:fs'

/** Larger than any secret, certificate, key set or list of options. */
export const TEXT_BYTES_MAX = 1_048_576

/**
 * UTF-8, without the byte order mark that some editors write. Throws if the file cannot be read, is larger than 1 MiB,
 * or is not a regular file.
 */
export function readTextFile(path: string): string {
  const state = statSync(path)
  refuseSpecialFile(state)
  if (state.size > TEXT_BYTES_MAX) throw new Error(`it is larger than ${TEXT_BYTES_MAX} bytes`)
  return readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
}

/** Throws for a device, a pipe or a socket, whose reading may never end. Accepts a folder, which cannot be read. */
export function refuseSpecialFile(state: Pick<StatsBase<number | bigint>, 'isFile' | 'isDirectory'>): void {
  if (!state.isFile() && !state.isDirectory())
    throw new Error('it is not a file, but a device, a pipe or a socket')
}
