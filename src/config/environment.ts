// Reads what the environment sets: texts, straight or from the file that NAME_FILE names, made into the values that
// the schema checks. An empty variable counts as not set, since compose files hand on unset ones so.

import { statSync } from 'node:fs'
import { fileFailure } from './config-error.ts'
import { CONFIG_FILE, knownNames, meaningOf } from './known-variables.ts'
import type { Setting } from './setting.ts'
import { nearestName } from './suggestion.ts'
import { readTextFile } from './text-file.ts'
import type { SettingPlace } from './validation.ts'

/** A secret, a PEM chain or a key set: nothing that a variable's file holds is larger. */
export const VALUE_BYTES_MAX = 1_048_576

export type EnvironmentVariables = Readonly<Record<string, string | undefined>>

export interface SetVariable {
  /** The variable as it was set, for messages. */
  readonly name: string
  readonly place: SettingPlace
  readonly value: unknown
}

export interface Environment {
  readonly assignments: readonly SetVariable[]
  readonly problems: readonly string[]
}

export function readEnvironment(env: EnvironmentVariables): Environment {
  const assignments = new Map<string, SetVariable>()
  const problems: string[] = []
  for (const [name, text] of Object.entries(env)) {
    if (!text || name === CONFIG_FILE) continue
    const meaning = meaningOf(name, text)
    if (meaning === 'unknown') problems.push(unknownName(name))
    if (meaning === null || meaning === 'unknown') continue
    const { place, setting } = meaning.variable
    const twin = assignments.get(place.join('/'))
    if (twin !== undefined) problems.push(`${twin.name} and ${name} set the same: keep one of them`)
    const value = meaning.file ? readValue(name, text, problems) : text
    if (value !== null) assignments.set(place.join('/'), { name, place, value: typedValue(value, setting) })
  }
  return { assignments: [...assignments.values()], problems }
}

function unknownName(name: string): string {
  const nearest = nearestName(name, knownNames())
  return `${name} is not a setting${nearest === null ? '' : `; did you mean ${nearest}?`}`
}

/** The file's content without the line break that editors end it with. */
function readValue(name: string, path: string, problems: string[]): string | null {
  try {
    if (statSync(path).size <= VALUE_BYTES_MAX) return readTextFile(path).replace(/\r?\n$/, '')
    problems.push(`${name}: ${path} is larger than ${VALUE_BYTES_MAX} bytes`)
  } catch (error) {
    problems.push(`${name}: cannot read ${path}: ${fileFailure(error)}`)
  }
  return null
}

/** What the text means to the setting's type; a text that means nothing stays one, and checking tells what was expected. */
function typedValue(text: string, setting: Setting): unknown {
  if (setting.type === 'boolean' && (text === 'on' || text === 'off')) return text === 'on'
  if (setting.type === 'integer' && /^-?\d+$/.test(text)) return Number(text)
  if (setting.type === 'number' && /^-?\d+(\.\d+)?$/.test(text)) return Number(text)
  if (setting.type === 'array') return text === 'none' ? [] : text.split(',').map((item) => item.trim())
  return text
}
