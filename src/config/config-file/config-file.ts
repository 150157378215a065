// Reads CONFIG_FILE: the plugin's options as JSON, or as the default export of a JavaScript module with functions.

import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ConfigModule } from '../../options.ts'
import { ConfigError, fileFailure } from '../config-error.ts'
import { copied, type Document, unplainFaults } from '../document.ts'
import { readTextFile } from '../text-file.ts'
import type { Fault } from '../validation.ts'
import { SCHEMA_MEMBER } from './file-schema.ts'
import { readCode } from './module-files.ts'

export interface ConfigFile {
  readonly document: Document
  /** null for JSON. */
  readonly module: ConfigModule | null
}

/**
 * A copy of the options in the file. If the file cannot be used: `problem`, one line that quotes nothing of it. If an
 * object in it cannot be copied: `faults`.
 */
export async function readConfigFile(
  path: string,
): Promise<ConfigFile | { problem: string } | { faults: Fault[] }> {
  const kind = extname(path)
  if (kind !== '.json' && kind !== '.js' && kind !== '.mjs') {
    return { problem: `CONFIG_FILE: ${path} is neither .json nor .js nor .mjs` }
  }
  try {
    const { given, module } = kind === '.json' ? await readJson(path) : await loadModule(path)
    const faults = unplainFaults(given)
    if (faults.length > 0) return { faults }
    const document = copied(given)
    if (typeof document === 'object' && document !== null && !Array.isArray(document)) {
      return { document: withoutSchema(document as Document), module }
    }
    return {
      problem: `CONFIG_FILE: ${path} holds no object${kind === '.json' ? '' : ' as its default export'}`,
    }
  } catch (error) {
    if (error instanceof ConfigError) return { problem: error.message }
    return { problem: `CONFIG_FILE: cannot read ${path}: ${failure(error)}` }
  }
}

/** Without the name of a schema, which is for editors. Anything else in its place is reported as an unknown option. */
function withoutSchema(document: Document): Document {
  const { [SCHEMA_MEMBER]: schema, ...options } = document
  return typeof schema === 'string' ? options : document
}

/**
 * The module's default export, loaded in this thread. Rejects with a ConfigError if the file, or one that it imports,
 * has changed since its digest was taken.
 */
export async function readModule({ path, digest }: ConfigModule): Promise<unknown> {
  try {
    return (await loadModule(path, digest)).given
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError([`CONFIG_FILE: cannot read ${path}: ${failure(error)}`])
  }
}

/**
 * Reads the files before and after the module is run: if they differ, it is unknown which state was run. A module whose
 * digest is not `asked` is not run.
 */
async function loadModule(path: string, asked?: string): Promise<{ given: unknown; module: ConfigModule }> {
  const before = await readCode(path)
  if (asked !== undefined && before.digest !== asked) throw hasChanged(path)
  const loaded: { default?: unknown } = await import(pathToFileURL(before.realPath).href)
  const after = await readCode(before.realPath)
  if (after.digest !== before.digest || after.stamp !== before.stamp) throw hasChanged(path)
  return { given: loaded.default, module: { path: resolve(path), digest: before.digest } }
}

function hasChanged(path: string): ConfigError {
  return new ConfigError([
    `CONFIG_FILE: ${path} or a file that it imports has changed since it was read first; start again`,
  ])
}

async function readJson(path: string): Promise<{ given: unknown; module: null }> {
  return { given: JSON.parse(readTextFile(path)), module: null }
}

/** The error of JSON.parse is left out, because it quotes the text, which may be a secret. */
function failure(error: unknown): string {
  return error instanceof SyntaxError ? 'it is not well-formed' : fileFailure(error)
}
