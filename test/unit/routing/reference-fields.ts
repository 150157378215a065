// A second reader of fields, which is slow and plain: JSON.parse, and a walk along the path.

import { isUtf8 } from 'node:buffer'

/** No name of a test. */
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
      token.startsWith('"') ? token : JSON.stringify({ [AS_WRITTEN]: token }),
    ),
  )
}

function walk(root: unknown, path: readonly string[]): unknown {
  let value = root
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    if (Array.isArray(value) && !LIST_INDEX.test(name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name] // an object or a list, as checked
  }
  return value
}

function textOf(field: unknown): string | null {
  const isNumber = typeof field === 'object' && field !== null && AS_WRITTEN in field
  const text = isNumber ? field[AS_WRITTEN] : field
  return typeof text === 'string' && text !== '' && !/\p{Surrogate}/u.test(text) ? text : null
}
