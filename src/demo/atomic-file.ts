// Writes a file whole or not at all: whoever reads it, and whenever this process dies, finds the old text or the new.

import { randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { errorCode } from '../errors.ts'

/** `mode` holds from the first byte on. Rejects with one line that names the file. */
export async function writeAtomically(path: string, text: string, mode: number): Promise<void> {
  // Not by process id: in a container that is the same after every crash.
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
    await file.sync()
  } catch (error) {
    await rm(path)
    throw error
  } finally {
    await file.close()
  }
}
