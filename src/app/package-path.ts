// Paths of the package's own files, and of the client's.

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A path below the package's folder, for the sources and for dist/. */
export function inPackage(path: string): string {
  const toRoot = import.meta.url.includes('/dist/src/') ? '../../../' : '../../'
  return fileURLToPath(new URL(toRoot + path, import.meta.url))
}

export async function packageVersion(): Promise<string> {
  const { version }: { version: string } = JSON.parse(await readFile(inPackage('package.json'), 'utf8'))
  return version
}

/** The folder of the compiled client, which is a package of its own. Throws if it has not been built. */
export function clientFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('kafka-sse-client'))
}
