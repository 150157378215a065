// Files that a configuration names, read as text. Promise: none holds up the start, neither one without an end nor a pipe that nobody
// writes to.

import { readFileSync, statSync } from 'node:fs'

/** More than any certificate, key set or list of options has. */
const TEXT_BYTES_MAX = 1_048_576

/** Throws where it cannot be read, is larger than 1 MiB, or is something else than a file. */
export function readTextFile(path: string): string {
  const state = statSync(path)
  if (!state.isFile() && !state.isDirectory())
    throw new Error('it is no file, but a device, a pipe or a socket')
  if (state.size > TEXT_BYTES_MAX) throw new Error(`it is larger than ${TEXT_BYTES_MAX} bytes`)
  return readFileSync(path, 'utf8')
}
