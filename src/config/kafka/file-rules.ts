// The files and PEM texts that librdkafka's TLS properties name. OpenSSL's own errors for them do not say which file is
// meant, nor what it should be.

import { X509Certificate } from 'node:crypto'
import { statSync } from 'node:fs'
import { quoted } from '../../text/quoted.ts'
import { fileFailure } from '../config-error.ts'
import { readTextFile } from '../text-file.ts'
import type { Fault } from '../validation.ts'
import { type Properties, propertyFault } from './property-fault.ts'

interface Rule {
  /** What the text has to be; null for a file that is no text. */
  readonly kind: string | null
  readonly isGood: (text: string) => boolean
}

const CERTIFICATE: Rule = { kind: 'no certificate in PEM', isGood: isCertificate }
const KEY: Rule = {
  kind: 'no private key in PEM',
  isGood: (text) => /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text),
}
const FILES: Readonly<Record<string, Rule>> = {
  'ssl.ca.location': CERTIFICATE,
  'ssl.certificate.location': CERTIFICATE,
  'ssl.key.location': KEY,
  'ssl.keystore.location': { kind: null, isGood: () => true },
}
const TEXTS: Readonly<Record<string, Rule>> = {
  'ssl.ca.pem': CERTIFICATE,
  'ssl.certificate.pem': CERTIFICATE,
  'ssl.key.pem': KEY,
}
/** librdkafka's word for the places where systems have their certificates. */
const PROBE = 'probe'

export function fileFaults(config: Properties): Fault[] {
  const files = Object.entries(FILES).map(
    ([name, rule]) => [name, fileWords(name, config[name], rule)] as const,
  )
  const texts = Object.entries(TEXTS).map(([name, rule]) => [name, textWords(config[name], rule)] as const)
  return [...files, ...texts].flatMap(([name, words]) => (words === null ? [] : [propertyFault(name, words)]))
}

function fileWords(name: string, path: unknown, { kind, isGood }: Rule): string | null {
  if (typeof path !== 'string' || path === '' || path === PROBE) return null
  // The beginning of a key would be quoted otherwise.
  if (path.includes('-----BEGIN')) return `takes a path: PEM text is for ${name.replace('location', 'pem')}`
  try {
    if (statSync(path).isDirectory())
      return name === 'ssl.ca.location' ? null : `names ${quoted(path)}, a folder`
    return kind === null || isGood(readTextFile(path)) ? null : `names ${quoted(path)}, which is ${kind}`
  } catch (error) {
    return `names ${quoted(path)}, which cannot be read: ${fileFailure(error)}`
  }
}

function textWords(text: unknown, { kind, isGood }: Rule): string | null {
  return typeof text !== 'string' || text === '' || isGood(text) ? null : `is ${kind}`
}

function isCertificate(text: string): boolean {
  try {
    new X509Certificate(text)
    return true
  } catch {
    return false
  }
}
