// CONFIG_FILE: the plugin's options as JSON, or as the default export of a JavaScript module, which may hold functions.

import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { copied, type Document } from './document.ts'
import { fileFailure } from './problems.ts'

/** The options in the file, a copy; or what is wrong with it, as one line that does not quote it. */
export async function readConfigFile(path: string): Promise<{ document: Document } | { problem: string }> {
  const kind = extname(path)
  if (kind !== '.json' && kind !== '.js' && kind !== '.mjs') {
    return { problem: `CONFIG_FILE: ${path} is neither .json nor .js nor .mjs` }
  }
  try {
    const document = copied(kind === '.json' ? await readJson(path) : await importDefault(path))
    if (typeof document === 'object' && document !== null && !Array.isArray(document)) {
      return { document: document as Document }
    }
    return {
      problem: `CONFIG_FILE: ${path} holds no object${kind === '.json' ? '' : ' as its default export'}`,
    }
  } catch (error) {
    return { problem: `CONFIG_FILE: cannot read ${path}: ${failure(error)}` }
  }
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'))
}

async function importDefault(path: string): Promise<unknown> {
  // Read first: a missing file is told in the same words, whichever kind it is.
  await readFile(path)
  const loaded: { default?: unknown } = await import(pathToFileURL(resolve(path)).href)
  return loaded.default
}

/** JSON.parse quotes what it could not read, and that may be a secret. */
function failure(error: unknown): string {
  return error instanceof SyntaxError ? 'it is not well-formed' : fileFailure(error)
}
