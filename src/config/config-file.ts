// CONFIG_FILE: the plugin's options as JSON, or as the default export of a JavaScript module, which may hold functions.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ConfigModule } from '../options.ts'
import { copied, type Document, unplainFaults } from './document.ts'
import { ConfigError, fileFailure } from './problems.ts'
import type { Fault } from './validation.ts'

export interface ConfigFile {
  readonly document: Document
  /** null for JSON. */
  readonly module: ConfigModule | null
}

/** The options in the file, a copy; or what is wrong with it, as one line that does not quote it, or with the objects in it. */
export async function readConfigFile(
  path: string,
): Promise<ConfigFile | { problem: string } | { faults: Fault[] }> {
  const kind = extname(path)
  if (kind !== '.json' && kind !== '.js' && kind !== '.mjs') {
    return { problem: `CONFIG_FILE: ${path} is neither .json nor .js nor .mjs` }
  }
  try {
    const module = kind === '.json' ? null : await moduleAt(path)
    const given = module === null ? await readJson(path) : await importDefault(module)
    const faults = unplainFaults(given)
    if (faults.length > 0) return { faults }
    const document = copied(given)
    if (typeof document === 'object' && document !== null && !Array.isArray(document)) {
      return { document: document as Document, module }
    }
    return {
      problem: `CONFIG_FILE: ${path} holds no object${kind === '.json' ? '' : ' as its default export'}`,
    }
  } catch (error) {
    return { problem: `CONFIG_FILE: cannot read ${path}: ${failure(error)}` }
  }
}

/** What the module exports as its default, in this thread. Throws a ConfigError where the file is another one by now. */
export async function readModule(module: ConfigModule): Promise<unknown> {
  try {
    await refuseChanged(module)
    const loaded = await importDefault(module)
    await refuseChanged(module)
    return loaded
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError([`CONFIG_FILE: cannot read ${module.path}: ${failure(error)}`])
  }
}

async function refuseChanged({ path, digest }: ConfigModule): Promise<void> {
  if ((await moduleAt(path)).digest === digest) return
  throw new ConfigError([`CONFIG_FILE: ${path} has changed since it was read first; start again`])
}

/** Read before it is run: a missing file is told in the same words, whichever kind it is. */
async function moduleAt(path: string): Promise<ConfigModule> {
  const digest = createHash('sha256').update(await readFile(path))
  return { path: resolve(path), digest: digest.digest('base64url') }
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'))
}

async function importDefault({ path }: ConfigModule): Promise<unknown> {
  const loaded: { default?: unknown } = await import(pathToFileURL(path).href)
  return loaded.default
}

/** JSON.parse quotes what it could not read, and that may be a secret. */
function failure(error: unknown): string {
  return error instanceof SyntaxError ? 'it is not well-formed' : fileFailure(error)
}
