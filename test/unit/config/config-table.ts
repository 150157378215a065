// The rows that docs/configuration.md must have, from the schema.

import { SERVER_SCHEMA } from '../../../src/config/schema.ts'
import type { Setting } from '../../../src/config/setting.ts'
import { expectation } from '../../../src/config/validation.ts'

export interface Row {
  readonly variable: string
  readonly option: string
  readonly cells: string
}

/** One for every setting, the server's own without an option's name, those of a stream's item as `streams[].path`. */
export function settingRows(): Row[] {
  return [...rowsOf(SERVER_SCHEMA, '')]
}

function* rowsOf(parent: Setting, prefix: string): Generator<Row> {
  for (const [name, setting] of Object.entries(parent.properties ?? {})) {
    const option = prefix === '' ? name : `${prefix}.${name}`
    if (setting.properties !== undefined) yield* rowsOf(setting, option)
    else if (setting.items?.properties !== undefined) yield* rowsOf(setting.items, `${option}[]`)
    else yield rowOf(option, setting)
  }
}

function rowOf(option: string, setting: Setting): Row {
  const variable = setting.env === undefined ? '' : `\`${setting.env}\``
  const place = option.includes('.') ? `\`${option}\`` : ''
  const cells = [variable, place, fallback(setting), expectation(setting), setting.description]
  return { variable: setting.env ?? '', option, cells: `| ${cells.join(' | ')} |` }
}

function fallback({ default: value }: Setting): string {
  if (value === undefined) return ''
  if (typeof value === 'boolean') return `\`${value ? 'on' : 'off'}\``
  if (Array.isArray(value)) return value.length === 0 ? 'none' : `\`${value.join(',')}\``
  if (value === null || typeof value === 'object') return 'none'
  return `\`${value}\``
}
