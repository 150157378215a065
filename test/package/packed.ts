// Both packages as npm would publish them, in a folder that the caller removes.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Packed {
  readonly name: string
  /** Path of the tarball. */
  readonly tarball: string
  readonly version: string
  /** Bytes of the tarball. */
  readonly size: number
  /** Bytes of its files. */
  readonly unpackedSize: number
  readonly files: readonly { readonly path: string; readonly size: number }[]
}

export interface BothPackages {
  readonly ofServer: Packed
  readonly ofClient: Packed
}

/** Needs `npm run build`. */
export function packBoth(folder: string): BothPackages {
  return { ofServer: packed(ROOT, folder), ofClient: packed(join(ROOT, 'client'), folder) }
}

function packed(source: string, folder: string): Packed {
  // Without scripts: `prepare` would build again.
  const options = ['--ignore-scripts', '--json', '--silent', '--pack-destination', folder]
  const [one]: (Packed & { readonly filename: string })[] = JSON.parse(
    execFileSync('npm', ['pack', ...options], { cwd: source, encoding: 'utf8' }),
  )
  if (one === undefined) throw new Error(`npm packed nothing of ${source}`)
  return { ...one, tarball: join(folder, one.filename) }
}
