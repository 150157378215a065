// The files that a configuration module is made of: itself, and all that it imports by path or file URL, transitively.
// They are found in the text, without running it. Packages and computed paths are not looked at.

import { createHash } from 'node:crypto'
import { readFile, realpath, stat } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const CODE_FILES_MAX = 256
export const CODE_BYTES_MAX = 16 * 1024 * 1024

export interface Code {
  /**
   * Where the file itself is, behind all links: what is imported from there stays in one folder, wherever a link
   * leads by then.
   */
  readonly realPath: string
  /** SHA-256 of all texts and of who imports whom, wherever the files are. */
  readonly digest: string
  /** Another one as soon as one of the files was written, also where it has its former text again. */
  readonly stamp: string
}

interface CodeFile {
  readonly path: string
  readonly text: Buffer
  readonly stamp: string
}

/** A text in quotes that is a path or a file URL: no other names a file of the configuration's own. */
const PATH_LITERAL = /(["'`])((?:\.{1,2}(?:\/[^"'`\n$]*)?|\/[^"'`\n$]+|file:[^"'`\n$]+))\1/g
/** What stands before a path that is imported. */
const IMPORTING = /\b(?:from|import|(?:import|require|require\.resolve)\s*\()\s*$/
/** Longer than any of these with the blanks that people write. */
const BEFORE_LENGTH = 80
const SCRIPTS = new Set(['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'])
const BINARIES = new Set(['.node', '.wasm'])
/** What `require` tries where there is no such file (https://nodejs.org/api/modules.html#all-together). */
const ENDINGS = ['.js', '.json', '.node']

/**
 * Throws for a file that cannot be read, and where there are more than the limits, as an Error with the words for it.
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
  const realPath = (files[0] as CodeFile).path // there is one at least
  return { realPath, digest: hash.digest('base64url'), stamp: stamps.digest('base64url') }
}

/** The bytes are bounded before they are read: a path may lead to anything. */
async function readCodeFile(path: string): Promise<CodeFile> {
  const state = await stat(path, { bigint: true })
  const { size, ino, mtimeNs, ctimeNs } = state
  if (!state.isFile() && !state.isDirectory())
    throw new Error('it is no file, but a device, a pipe or a socket')
  if (size > CODE_BYTES_MAX) throw new Error(`it is made of more than ${CODE_BYTES_MAX / 1_048_576} MiB`)
  return { path, text: await readFile(path), stamp: `${ino} ${size} ${mtimeNs} ${ctimeNs}` }
}

/** Paths and file URLs that a file imports, in order, each once. */
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
 * A path that names code counts wherever it stands, for `import(NAME)`. One without such an ending does where `require` may have
 * another name. No other: certificates and key files change while a server runs, and are watched.
 */
function isCode(name: string, hasOwnRequire: boolean): boolean {
  const ending = extname(name.replace(/[?#].*$/, ''))
  if (SCRIPTS.has(ending) || BINARIES.has(ending)) return true
  return hasOwnRequire && name.startsWith('.') && (ending === '' || ending === '.json')
}

/** The file that is meant, behind all links; null where there is none. */
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
    return null // another host's file, or an escaped slash: Node refuses it, too
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

/** A folder that is required may say in a manifest which of its files is meant. */
async function mainOf(folder: string): Promise<string | null> {
  const manifest = join(folder, 'package.json')
  if (!(await isFile(manifest))) return null
  const { main }: { main?: unknown } = Object(JSON.parse(await readFile(manifest, 'utf8')))
  return typeof main === 'string' ? main : null
}

async function isFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null) // whatever hides it hides it from Node, too
  return found?.isFile() ?? false
}
