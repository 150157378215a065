// Which stream a command connects to, and what it trusts there: as an operator writes it. Promise: no error quotes a
// token or the value of a header.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
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

/** Whether the URL is on this machine: demo keys are used for no other. */
export function isHere({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
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
