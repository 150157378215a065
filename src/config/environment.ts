// Reads settings from environment variables, and from the files that NAME_FILE variables name, and converts them to the
// types of the schema. An empty variable counts as not set, because compose files pass on unset variables as empty.

import { statSync } from 'node:fs'
import { fileFailure } from './config-error.ts'
import { CONFIG_FILE, knownNames, meaningOf } from './known-variables.ts'
import type { Setting } from './setting.ts'
import { commonNameOf, nearestName } from './suggestion.ts'
import { readTextFile, TEXT_BYTES_MAX } from './text-file.ts'
import type { SettingPlace } from './validation.ts'

export type EnvironmentVariables = Readonly<Record<string, string | undefined>>

export interface SetVariable {
  /** As it was set, for messages: `NAME` or `NAME_FILE`. */
  readonly name: string
  readonly place: SettingPlace
  readonly value: unknown
}

export interface Environment {
  readonly assignments: readonly SetVariable[]
  readonly problems: readonly string[]
  /** Problems of names that other programs have, too, and may stand there for them. */
  readonly borrowed: readonly string[]
  /** Variables of ours that unknown names probably mean. */
  readonly meant: ReadonlySet<string>
}

export function readEnvironment(env: EnvironmentVariables): Environment {
  const assignments = new Map<string, SetVariable>()
  const problems: string[] = []
  const borrowed: string[] = []
  const meant = new Set<string>()
  for (const [name, text] of Object.entries(env)) {
    if (!text || name === CONFIG_FILE) continue
    const meaning = meaningOf(name, text)
    if (meaning === 'unknown' || (meaning === 'common' && isOnly(name, env))) {
      const ours = commonNameOf(name) ?? nearestName(name, knownNames())
      if (ours !== null) meant.add(ours)
      const list = meaning === 'common' ? borrowed : problems
      list.push(`${name} is not a setting${ours === null ? '' : `; did you mean ${ours}?`}`)
    }
    if (meaning === null || typeof meaning === 'string') continue
    const { place, setting } = meaning.variable
    const twin = assignments.get(place.join('/'))
    if (twin !== undefined) problems.push(`${twin.name} and ${name} set the same: keep one of them`)
    const value = meaning.file ? readValue(name, text, problems) : text
    // A scope or a topic of that name would be taken at its word.
    if (setting.nullable && value === 'null') problems.push(`${name} is null: in a variable, write none`)
    else if (value !== null)
      assignments.set(place.join('/'), { name, place, value: typedValue(value, setting) })
  }
  return { assignments: [...assignments.values()], problems, borrowed, meant }
}

/** Paths of the files that the settings are read from: certificate and key, those of NAME_FILE, and CONFIG_FILE. */
export function settingFiles(env: EnvironmentVariables): string[] {
  return Object.entries(env).flatMap(([name, text]) => {
    if (!text || !name.endsWith('_FILE')) return []
    const meaning = meaningOf(name, text)
    return name === CONFIG_FILE || (meaning !== null && typeof meaning !== 'string') ? [text] : []
  })
}

/** Whether nothing sets what the name means: then it is not there for another program alone. */
function isOnly(name: string, env: EnvironmentVariables): boolean {
  const ours = commonNameOf(name)
  return !env[CONFIG_FILE] && !env[`${ours}`] && !env[`${ours}_FILE`]
}

/** The file's text without the line break at its end, which editors add. */
function readValue(name: string, path: string, problems: string[]): string | null {
  try {
    if (statSync(path).size <= TEXT_BYTES_MAX) return readTextFile(path).replace(/\r?\n$/, '')
    problems.push(`${name}: ${path} is larger than ${TEXT_BYTES_MAX} bytes`)
  } catch (error) {
    problems.push(`${name}: cannot read ${path}: ${fileFailure(error)}`)
  }
  return null
}

/** The text as a value of the setting's type. Text that does not fit is returned unchanged: the check reports it. */
function typedValue(text: string, setting: Setting): unknown {
  if (setting.nullable && text === 'none') return null
  if (setting.type === 'boolean' && (text === 'on' || text === 'off')) return text === 'on'
  if (setting.type === 'integer' && /^-?\d+$/.test(text)) return Number(text)
  if (setting.type === 'number' && /^-?\d+(\.\d+)?$/.test(text)) return Number(text)
  if (setting.type?.includes('array')) {
    return text === 'none' ? [] : text.split(',').map((item) => item.trim())
  }
  return setting.type === 'object' ? (pairsOf(text) ?? text) : text
}

/** `claim=value` pairs, each claim once; null for a text that is something else. */
function pairsOf(text: string): Readonly<Record<string, string>> | null {
  if (text === 'none') return {}
  const pairs = text.split(',').map((pair) => /^\s*([^=]*[^=\s])\s*=\s*(.*\S)\s*$/.exec(pair)?.slice(1))
  if (!pairs.every((pair) => pair !== undefined)) return null
  const named = Object.fromEntries(pairs)
  return Object.keys(named).length === pairs.length ? named : null
}
