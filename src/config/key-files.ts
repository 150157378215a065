// Checks the certificate and key files of a configuration before the server listens. Promise: a line for each problem,
// which names the variable and the file, and quotes nothing of the file.

import {
  createPrivateKey,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  X509Certificate,
} from 'node:crypto'
import { dirname, join } from 'node:path'
import type { TlsOptions } from '../options.ts'
import { keyPathWords, keySetting } from '../token/key-setting.ts'
import { fileFailure } from './config-error.ts'
import { readTextFile } from './text-file.ts'

/** As in src/demo/identity.ts, which this room may not import. test/unit/config/key-files.test.ts compares them. */
const DEMO_KEY_FILE = 'private.pem'

/** A line for each problem of the certificate and its key. */
export function tlsProblems({ certFile, keyFile }: TlsOptions): string[] {
  const problems: string[] = []
  const certificate = readAs('TLS_CERT_FILE', certFile, 'a certificate in PEM', problems, (text) => {
    const first = new X509Certificate(text)
    if (!isWholeChain(text))
      problems.push(`TLS_CERT_FILE: a certificate behind the first in ${certFile} is damaged`)
    return first
  })
  const key = readAs(
    'TLS_KEY_FILE',
    keyFile,
    'a private key in PEM without a passphrase',
    problems,
    (text) => {
      return createPrivateKey(text)
    },
  )
  if (certificate !== null && key !== null && !certificate.checkPrivateKey(key)) {
    problems.push(`TLS_KEY_FILE: the key in ${keyFile} is not that of the certificate in ${certFile}`)
  }
  return problems
}

/** OpenSSL refuses a chain with a damaged certificate, in words that name no file. */
function isWholeChain(text: string): boolean {
  const [, ...certificates] = text.split(/(?=-----BEGIN CERTIFICATE-----)/)
  try {
    for (const pem of certificates) new X509Certificate(pem)
    return true
  } catch {
    return false
  }
}

/**
 * The problem of the keys that verify tokens; null if there is none. A private key is refused, because a server needs
 * public keys only. So is the demo's key, if its private.pem is in `folder` or beside the keys. A URL is not fetched.
 */
export function verificationKeysProblem(name: string, keys: string, folder: string): string | null {
  const setting = keySetting(keys)
  switch (setting.kind) {
    case 'wrong':
      return `${name} ${setting.words}`
    case 'url':
      return null
    case 'text':
      return unfitKeys(name, setting.text, [folder])
    case 'file':
      try {
        return unfitKeys(name, readTextFile(setting.path), [folder, dirname(setting.path)])
      } catch (error) {
        return `${name}: cannot read ${keyPathWords(setting.path)}: ${fileFailure(error)}`
      }
  }
}

function unfitKeys(name: string, text: string, folders: readonly string[]): string | null {
  if (holdsPrivateKey(text)) return `${name} holds a private key: a server is given public keys only`
  return folders.some((folder) => holdsDemoKey(text, folder))
    ? `${name} holds the demo's key (private.pem): anyone with that file could mint tokens`
    : null
}

function readAs<T>(
  name: string,
  path: string,
  kind: string,
  problems: string[],
  parse: (text: string) => T,
): T | null {
  let text: string
  try {
    text = readTextFile(path)
  } catch (error) {
    problems.push(`${name}: cannot read ${path}: ${fileFailure(error)}`)
    return null
  }
  try {
    return parse(text)
  } catch {
    // OpenSSL's error for a broken PEM does not say what the file should be.
    problems.push(`${name}: ${path} is not ${kind}`)
    return null
  }
}

function holdsPrivateKey(text: string): boolean {
  return (
    /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text) || jwksOf(text).some(({ d }) => d != null && d !== '')
  )
}

function holdsDemoKey(text: string, folder: string): boolean {
  const demoKey = publicKeyOf(() => createPublicKey(readTextFile(join(folder, DEMO_KEY_FILE))))
  return demoKey !== null && publicKeys(text).some((key) => isSameKey(key, demoKey))
}

/** To compare keys of two types leaves an error in OpenSSL's queue, which the next key that is read then throws. */
function isSameKey(key: KeyObject, other: KeyObject): boolean {
  return key.asymmetricKeyType === other.asymmetricKeyType && key.equals(other)
}

function publicKeys(text: string): KeyObject[] {
  const pems = text.match(/-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----/g) ?? []
  return [
    ...pems.map((pem) => publicKeyOf(() => createPublicKey(pem))),
    ...jwksOf(text).map((key) => publicKeyOf(() => createPublicKey({ key, format: 'jwk' }))),
  ].filter((key) => key !== null)
}

/** null if there is no such key. Whether a key set can be used is checked by plugins/auth. */
function publicKeyOf(read: () => KeyObject): KeyObject | null {
  try {
    return read()
  } catch {
    return null
  }
}

function jwksOf(text: string): JsonWebKey[] {
  try {
    const parsed: { keys?: unknown } = JSON.parse(text.replace(/^\uFEFF/, '')) ?? {}
    const keys: unknown[] = Array.isArray(parsed.keys) ? parsed.keys : [parsed]
    return keys.filter((key) => typeof key === 'object' && key !== null) as JsonWebKey[]
  } catch {
    return []
  }
}
