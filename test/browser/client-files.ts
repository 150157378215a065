// The client as a page loads it: its built modules, unbundled.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('../../client/dist', import.meta.url))

/** The text of each module, by its path below /client/. Needs `npm run build`. */
export async function readClientFiles(): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(FOLDER, { recursive: true })).filter((name) => name.endsWith('.js'))
  const files = new Map<string, string>()
  for (const name of names) files.set(`/client/${name}`, await readFile(join(FOLDER, name), 'utf8'))
  return files
}
