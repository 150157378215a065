// Writes a file whole or not at all: whoever reads it, and whenever this process dies, finds the old text or the new.

import { open, rename, rm } from 'node:fs/promises'

/** `mode` holds from the first byte on. Rejects with one line that names the file. */
export async function writeAtomically(path: string, text: string, mode: number): Promise<void> {
  const unfinished = `${path}.${process.pid}.tmp`
  try {
    const file = await open(unfinished, 'wx', mode)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'it failed'
    throw new Error(`cannot write ${path}: ${reason}`)
  }
}
