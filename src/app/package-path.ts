// Paths of the package's own files.

import { fileURLToPath } from 'node:url'

/** A path below the package's folder, for the sources and for dist/. */
export function inPackage(path: string): string {
  const toRoot = import.meta.url.includes('/dist/src/') ? '../../../' : '../../'
  return fileURLToPath(new URL(toRoot + path, import.meta.url))
}
