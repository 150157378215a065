// Finds and hashes the files of a configuration module: the module and all that it imports by path or file URL,
// transitively. It reads their text and runs nothing. Packages and computed paths are not followed.

import { createHash } from 'node:crypto'
import { readFile, realpath, stat } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { refuseSpecialFile } from '../text-file.ts'

export const CODE_FILES_MAX = 256
export const CODE_BYTES_MAX = 16 * 1024 * 1024

export interface Code {
  /**
   * The path of the module without symbolic links. An import from this path stays in one folder, even if a link is
   * changed meanwhile.
   */
  readonly realPath: string
  /** SHA-256 of all texts and of which file imports which, independent of the folder. */
  readonly digest: string
  /** Changes with every write to one of the files, even if the text is the same again. */
  readonly stamp: string
}

interface CodeFile {
  readonly path: string
  readonly text: Buffer
  readonly stamp: string
}

/** A string literal that is a path or a file URL. No other literal names a file of the configuration. */
const PATH_LITERAL = /(["'`])((?:\.{1,2}(?:\/[^"'`\n$]*)?|\/[^"'`\n$]+|file:[^"'`\n$]+))\1/g
/** The code before a path that is imported. */
const IMPORTING = /\b(?:from|import|(?:import|require|require\.resolve)\s*\()\s*$/
/** Characters before a path that are searched: longer than any match of IMPORTING in practice. */
const BEFORE_LENGTH = 80
const SCRIPTS = new Set(['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'])
const BINARIES = new Set(['.node', '.wasm'])
/** Endings that `require` tries if there is no such file (https://nodejs.org/api/modules.html#all-together). */
const ENDINGS = ['.js', '.json', '.node']

/**
 * Rejects if a file cannot be read, or with more than CODE_FILES_MAX files or CODE_BYTES_MAX bytes. The message of the
 * error is meant for the user.
 */
export async function readCode(path: string): Promise<Code> {
  const files = [await readCodeFile(await realpath(resolve(path)))]
  const places = new Map(files.map((file, index) => [file.path, index]))
  const [hash, stamps] = [createHash('sha256'), createHash('sha256')]
  let bytes = 0
  for (let index = 0; index < files.length; index++) {
    const file = files[index] as CodeFile // index < length
    bytes += file.text.length
    if (bytes > CODE_BYTES_MAX) throw new Error(`it is made of more than ${CODE_BYTES_MAX / 1_048_576} MiB`)
    hash.update(`\n${file.text.length}\n`).update(file.text)
    stamps.update(`${file.path}\n${file.stamp}\n`)
    for (const name of namesIn(file)) {
      const found = await findFile(name, file.path)
      if (found !== null && !places.has(found)) {
        if (files.length === CODE_FILES_MAX)
          throw new Error(`it is made of more than ${CODE_FILES_MAX} files`)
        places.set(found, files.length)
        files.push(await readCodeFile(found))
      }
      hash.update(`\n${name}\n${found === null ? 'missing' : places.get(found)}`)
    }
  }
  const realPath = (files[0] as CodeFile).path // there is at least one
  return { realPath, digest: hash.digest('base64url'), stamp: stamps.digest('base64url') }
}

/** Checks type and size before it reads, because a path may lead to a device or a huge file. */
async function readCodeFile(path: string): Promise<CodeFile> {
  const state = await stat(path, { bigint: true })
  const { size, ino, mtimeNs, ctimeNs } = state
  refuseSpecialFile(state)
  if (size > CODE_BYTES_MAX) throw new Error(`it is made of more than ${CODE_BYTES_MAX / 1_048_576} MiB`)
  return { path, text: await readFile(path), stamp: `${ino} ${size} ${mtimeNs} ${ctimeNs}` }
}

/** Paths and file URLs that a file imports, in order, without repetition. */
function namesIn({ path, text }: CodeFile): string[] {
  const ending = extname(path)
  if (ending === '.json' || BINARIES.has(ending)) return []
  const code = text.toString('utf8')
  const hasOwnRequire = code.includes('createRequire')
  const names = new Set<string>()
  for (const { index, 2: name = '' } of code.matchAll(PATH_LITERAL)) {
    const before = code.slice(Math.max(0, index - BEFORE_LENGTH), index)
    if (IMPORTING.test(before) || isCode(name, hasOwnRequire)) names.add(name)
  }
  return [...names]
}

/**
 * Whether a path that does not follow IMPORTING counts as imported. A path with an ending of code does, because of
 * `import(NAME)`. A path without one does if `require` may have another name. Other paths may be those of certificates
 * or key files, which are watched and may change.
 */
function isCode(name: string, hasOwnRequire: boolean): boolean {
  const ending = extname(name.replace(/[?#].*$/, ''))
  if (SCRIPTS.has(ending) || BINARIES.has(ending)) return true
  return hasOwnRequire && name.startsWith('.') && (ending === '' || ending === '.json')
}

/** The real path of the file that is imported; null if there is none. */
async function findFile(name: string, from: string): Promise<string | null> {
  const asUrl = new URL(name, pathToFileURL(from))
  const paths = [name.startsWith('file:') ? null : resolve(dirname(from), name), pathOfUrl(asUrl)]
  for (const path of paths) {
    const found = path === null ? null : await findAt(path)
    if (found !== null) return found
  }
  return null
}

function pathOfUrl(url: URL): string | null {
  try {
    return fileURLToPath(url)
  } catch {
    return null // another host's file, or an escaped slash: Node also refuses it
  }
}

async function findAt(path: string): Promise<string | null> {
  for (const ending of ['', ...ENDINGS]) if (await isFile(path + ending)) return realpath(path + ending)
  const main = await mainOf(path)
  for (const inner of main === null ? ['index'] : [main, join(main, 'index'), 'index'])
    for (const ending of ['', ...ENDINGS]) {
      const file = join(path, inner + ending)
      if (await isFile(file)) return realpath(file)
    }
  return null
}

/** `main` in the package.json of a folder that is required. */
async function mainOf(folder: string): Promise<string | null> {
  const manifest = join(folder, 'package.json')
  if (!(await isFile(manifest))) return null
  const { main }: { main?: unknown } = Object(JSON.parse(await readFile(manifest, 'utf8')))
  return typeof main === 'string' ? main : null
}

async function isFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null) // Node cannot read it either
  return found?.isFile() ?? false
}
