// Writes a file atomically. Promise: a reader finds the old text or the new one, even if this process dies meanwhile.

import { randomUUID } from 'node:crypto'
import { fsync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { promisify } from 'node:util'
import { errorCode } from '../errors.ts'

/** Yarn's Plug'n'Play replaces node:fs, and has no `sync` of a file that node:fs/promises has opened. */
const toDisk = promisify(fsync)

/** The file has `mode` from its first byte on. Rejects with an error of one line that names the file. */
export async function writeAtomically(path: string, text: string, mode: number): Promise<void> {
  // Not the process ID, which in a container is the same after every crash.
  const unfinished = `${path}.${randomUUID()}.tmp`
  try {
    await writeDurably(unfinished, text, mode)
    await rename(unfinished, path).catch(async (error) => {
      await rm(unfinished)
      throw error
    })
  } catch (error) {
    throw new Error(`cannot write ${path}: ${errorCode(error) ?? 'it failed'}`)
  }
}

async function writeDurably(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode)
  try {
    await file.writeFile(text)
    await toDisk(file.fd)
  } catch (error) {
    await rm(path)
    throw error
  } finally {
    await file.close()
  }
}
