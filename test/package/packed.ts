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
  // Without scripts: `prepare` would build again.
  const options = ['--ignore-scripts', '--json', '--silent', '--pack-destination', folder]
  const packed: (Packed & { readonly filename: string })[] = JSON.parse(
    execFileSync('npm', ['pack', '.', './client', ...options], { cwd: ROOT, encoding: 'utf8' }),
  )
  const named = (name: string): Packed => {
    const one = packed.find((each) => each.name === name)
    if (one === undefined) throw new Error(`npm packed no ${name}`)
    return { ...one, tarball: join(folder, one.filename) }
  }
  return { ofServer: named('fastify-kafka-sse'), ofClient: named('kafka-sse-client') }
}
