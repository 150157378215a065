// Where the package's own files are.

import { fileURLToPath } from 'node:url'

/** A path in this package, from the sources and from dist/ alike. */
export function inPackage(path: string): string {
  const toRoot = import.meta.url.includes('/dist/src/') ? '../../../' : '../../'
  return fileURLToPath(new URL(toRoot + path, import.meta.url))
}
