// Which stream a command connects to, what it trusts there, and with which token: as an operator writes it. Promise: no
// error quotes a token or the value of a header.

import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { addAbortSignal, type Readable } from 'node:stream'
import { isHere } from '../check/reachable-address.ts'
import { fileFailure } from '../config/config-error.ts'
import { LOCAL_STREAM_URL } from '../config/server-settings.ts'
import { CA_FILE } from '../demo/identity.ts'

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i
/** RFC 9110 section 5.1. `Headers` checks the value. */
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)$/

/**
 * `text` may lack `https://`. Then it may also lack the path, which is that of the default, or everything before the
 * path. Throws an error of one line.
 */
export function streamUrl(text: string): URL {
  const whole = SCHEME.test(text) ? text : withScheme(text)
  if (!URL.canParse(whole)) throw new Error(`the URL cannot be read; one is ${LOCAL_STREAM_URL}`)
  return new URL(whole)
}

function withScheme(text: string): string {
  const { origin, pathname } = new URL(LOCAL_STREAM_URL)
  if (text.startsWith('/')) return origin + text
  return /[/?]/.test(text) ? `https://${text}` : `https://${text}${pathname}`
}

/** PEM of the authorities to trust: the file's, or those of this folder's demo for this machine; null: Node's. */
export function readAuthorities(url: URL, file: string | undefined, folder: string): string | null {
  const ours = join(folder, CA_FILE)
  const path = file ?? (isHere(url) && existsSync(ours) ? ours : null)
  try {
    return path === null ? null : readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`--ca: cannot read ${path}: ${fileFailure(error)}`)
  }
}

/** Headers of requests, each as `Name: value`; names in small letters. Of two with one name the last counts. */
export function requestHeaders(option: string, texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const [, name, value] = HEADER.exec(text) ?? []
      if (name === undefined || value === undefined) throw new Error(`${option} is 'Name: value'`)
      return [name.toLowerCase(), value]
    }),
  )
}

/** Of `--token`, for help. */
export const TOKEN_IN_PS = 'other users of this machine see it in ps, but not a file or a variable'

const TOKEN_LENGTH_MAX = 65_536

/** Without the white space around it, which files end with. null: there is none. `signal` ends a reading. */
export async function readToken(
  { token, 'token-file': file }: { readonly token?: string; readonly 'token-file'?: string },
  env: NodeJS.ProcessEnv,
  stdin: Readable,
  signal?: AbortSignal,
): Promise<string | null> {
  if (token !== undefined && file !== undefined) throw new Error('--token and --token-file: keep one of them')
  const given =
    file === undefined ? (token ?? env.KAFKA_SSE_TOKEN ?? '') : await readTokenFile(file, stdin, signal)
  if (given.length > TOKEN_LENGTH_MAX)
    throw new Error(`the token has more than ${TOKEN_LENGTH_MAX} characters`)
  const bare = given.trim().replace(/^bearer +/i, '')
  if (bare === '' && (token !== undefined || file !== undefined)) throw new Error('the token is empty')
  return bare === '' ? null : bare
}

async function readTokenFile(file: string, stdin: Readable, signal?: AbortSignal): Promise<string> {
  try {
    const input = file === '-' ? stdin : createReadStream(file)
    return await beginningOf(signal === undefined ? input : addAbortSignal(signal, input))
  } catch (error) {
    throw new Error(`--token-file: cannot read ${file}: ${fileFailure(error)}`)
  }
}

/** A little more than a token may have, of a text that may have no end. */
async function beginningOf(input: Readable): Promise<string> {
  let read = ''
  for await (const text of input.setEncoding('utf8')) {
    read += text
    if (read.length > TOKEN_LENGTH_MAX) break
  }
  return read
}
