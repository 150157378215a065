// A second reader of fields, which is slow and plain: JSON.parse, and a walk along the path. Each string is given to
// JSON.parse in hexadecimal digits, because that of Node 24 and 26 mistakes some names with escapes for others
// (https://github.com/nodejs/node/issues/63785).

import { isUtf8 } from 'node:buffer'

/** No string in hexadecimal digits. */
const AS_WRITTEN = 'number as written'
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*/g
const LIST_INDEX = /^(?:0|[1-9][0-9]*)$/

/** Whether it is JSON at all, and the text of each field. */
export function referenceTexts(value: Uint8Array, paths: readonly (readonly string[])[]) {
  const root = parsed(value)
  return {
    isJson: root !== undefined,
    texts: paths.map((path) => textOf(walk(root, path))),
  }
}

/** JSON.parse rounds numbers, so each becomes an object that has its text. */
function parsed(value: Uint8Array): unknown {
  if (!isUtf8(value)) return undefined
  const text = Buffer.from(value).toString()
  try {
    JSON.parse(text)
  } catch {
    return undefined
  }
  return JSON.parse(
    text.replaceAll(STRING_OR_NUMBER, (token) =>
      token.startsWith('"') ? `"${inHex(JSON.parse(token))}"` : JSON.stringify({ [AS_WRITTEN]: token }),
    ),
  )
}

function walk(root: unknown, path: readonly string[]): unknown {
  let value = root
  for (const name of path) {
    const member = Array.isArray(value) ? name : inHex(name)
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, member)) return undefined
    if (Array.isArray(value) && !LIST_INDEX.test(name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[member] // an object or a list, as checked
  }
  return value
}

function textOf(field: unknown): string | null {
  const isNumber = typeof field === 'object' && field !== null && AS_WRITTEN in field
  const text = isNumber ? field[AS_WRITTEN] : typeof field === 'string' ? fromHex(field) : null
  return typeof text === 'string' && text !== '' && !/\p{Surrogate}/u.test(text) ? text : null
}

/** UTF-16, so that lone surrogates stay. */
function inHex(text: string): string {
  return Buffer.from(text, 'utf16le').toString('hex')
}

function fromHex(digits: string): string {
  return Buffer.from(digits, 'hex').toString('utf16le')
}
