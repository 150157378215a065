// Merges CONFIG_FILE and the environment into one document; the environment takes precedence. It records the source of
// each value, so that an error names the variable or the place in the file that the user wrote.

import type { ConfigModule, StreamOptions } from '../options.ts'
import { type ConfigFile, readConfigFile } from './config-file/config-file.ts'
import { type Document, dotted, setAt, valueAt } from './document.ts'
import { type EnvironmentVariables, readEnvironment, type SetVariable } from './environment.ts'
import { CONFIG_FILE, propertyVariable, VARIABLES } from './known-variables.ts'
import { OPTIONS_SCHEMA } from './schema.ts'
import { ONLY_STREAM } from './streams/single-stream-settings.ts'
import type { Fault, SettingPlace } from './validation.ts'

/** The name of a file's whole document in errors. */
const WHOLE = 'the default export'

export interface MergedSettings {
  readonly document: Document
  readonly assignments: readonly SetVariable[]
  /** The path in CONFIG_FILE; null if it is not set. */
  readonly file: string | null
  /** Set if CONFIG_FILE is a module. */
  readonly module: ConfigModule | null
  readonly problems: string[]
  /** Problems of names that other programs have, too. They count for a server alone. */
  readonly borrowed: readonly string[]
  /** Variables of ours that unknown names probably mean. */
  readonly meant: ReadonlySet<string>
}

/** `onlyStream`: the stream of a server whose file lists none. */
export async function mergeSettings(
  env: EnvironmentVariables,
  onlyStream: StreamOptions = ONLY_STREAM,
): Promise<MergedSettings> {
  const { assignments, problems: found, borrowed, meant } = readEnvironment(env)
  const problems = [...found]
  const file = env[CONFIG_FILE] || null
  const { document, module } = file === null ? noFile() : await fileDocument(file, problems)
  const streamsListed = document.streams !== undefined
  for (const { name, place, value } of assignments) {
    if (streamsListed && place[0] === 'streams') {
      problems.push(`${name} sets the stream of a server without a list of streams, and ${file} has a list`)
    } else setAt(document, place, value)
  }
  if (!streamsListed) document.streams = [{ ...onlyStream, ...firstStream(document) }]
  document.kafka ??= {}
  document.auth ??= {}
  return { document, assignments, file, module, problems, borrowed, meant }
}

/** A place's name in errors: the variable that set it, its place in the file, or the variable that could set it. */
export function nameOf(place: SettingPlace, { assignments, file, document }: MergedSettings): string {
  const setter = assignments.find((assignment) =>
    assignment.place.every((name, depth) => name === place[depth]),
  )
  if (setter !== undefined) return setter.name
  const known = [...VARIABLES.values()].find((each) => each.place.join('/') === place.join('/'))
  const variable = known?.name ?? propertyVariable(place)
  // No variable can set a value in a list of streams, because such a list is always in the file.
  if (place[0] !== 'streams' && variable !== null && (valueAt(document, place) ?? null) === null)
    return variable
  return file === null ? dotted(place) : `${file}: ${dotted(place)}`
}

/** A fault as one line: the name of the setting, then what is wrong. */
export function lineOf(fault: Fault, settings: MergedSettings): string {
  const name = nameOf(fault.place, settings)
  const isVariable = VARIABLES.has(name) || name === propertyVariable(fault.place)
  const words = isVariable ? fault.words.replace(/^is missing/, 'is not set') : fault.words
  return `${name} ${words}`
}

async function fileDocument(file: string, problems: string[]): Promise<ConfigFile> {
  const read = await readConfigFile(file)
  if ('problem' in read) problems.push(read.problem)
  if ('faults' in read)
    problems.push(...read.faults.map(({ place, words }) => `${file}: ${dotted(place) || WHOLE} ${words}`))
  if (!('document' in read)) return noFile()
  // The file holds the plugin's options only. Settings of the server process belong to the deployment.
  const document = Object.fromEntries(
    Object.entries(read.document).filter(([name]) => {
      const server = [...VARIABLES.values()].find((variable) => variable.place.join('/') === name)
      if (server === undefined || name in OPTIONS_SCHEMA.properties) return true
      problems.push(`${file}: ${name} is not an option: set ${server.name} in the environment`)
      return false
    }),
  )
  return { document, module: read.module }
}

function noFile(): ConfigFile {
  return { document: {}, module: null }
}

function firstStream({ streams }: Document): object {
  const first: unknown = Array.isArray(streams) ? streams[0] : undefined
  return typeof first === 'object' && first !== null ? first : {}
}
