// Puts the environment and CONFIG_FILE together into one document, the environment on top, and remembers where each
// value came from, so that a fault is told under the name that its reader wrote.

import type { ConfigModule } from '../options.ts'
import { type ConfigFile, readConfigFile } from './config-file/config-file.ts'
import { type Document, setAt, valueAt } from './document.ts'
import { type EnvironmentVariables, readEnvironment, type SetVariable } from './environment.ts'
import { CONFIG_FILE, VARIABLES } from './known-variables.ts'
import { OPTIONS_SCHEMA } from './schema.ts'
import { ONLY_STREAM } from './stream-settings.ts'
import type { Fault, SettingPlace } from './validation.ts'

/** A file's document, where it is meant itself. */
const WHOLE = 'the default export'

export interface MergedSettings {
  readonly document: Document
  readonly assignments: readonly SetVariable[]
  /** CONFIG_FILE's path; null where there is none. */
  readonly file: string | null
  /** The same where it is code. */
  readonly module: ConfigModule | null
  readonly problems: string[]
}

export async function mergeSettings(env: EnvironmentVariables): Promise<MergedSettings> {
  const { assignments, problems: found } = readEnvironment(env)
  const problems = [...found]
  const file = env[CONFIG_FILE] || null
  const { document, module } = file === null ? noFile() : await fileDocument(file, problems)
  const streamsListed = document.streams !== undefined
  for (const { name, place, value } of assignments) {
    if (streamsListed && place[0] === 'streams') {
      problems.push(`${name} is for the one stream of a server without a list, and ${file} lists its streams`)
    } else setAt(document, place, value)
  }
  if (!streamsListed) document.streams = [{ ...ONLY_STREAM, ...firstStream(document) }]
  document.kafka ??= {}
  document.auth ??= {}
  return { document, assignments, file, module, problems }
}

/** The name that a place is known under to whoever configures: the variable that set it, its place in the file, or the
 * variable that could set it. */
export function nameOf(place: SettingPlace, { assignments, file, document }: MergedSettings): string {
  const setter = assignments.find((assignment) =>
    assignment.place.every((name, depth) => name === place[depth]),
  )
  if (setter !== undefined) return setter.name
  const variable = [...VARIABLES.values()].find((known) => known.place.join('/') === place.join('/'))
  // A list of streams is the file's, and what lacks there no variable can give.
  if (place[0] !== 'streams' && variable !== undefined && valueAt(document, place) === undefined)
    return variable.name
  return file === null ? dotted(place) : `${file}: ${dotted(place)}`
}

/** A fault as a line: who is meant, then what is wrong with it. */
export function lineOf(fault: Fault, settings: MergedSettings): string {
  const name = nameOf(fault.place, settings)
  const words = VARIABLES.has(name) ? fault.words.replace(/^is missing/, 'is not set') : fault.words
  return `${name} ${words}`
}

/** `streams[0].path` */
export function dotted(place: SettingPlace): string {
  return place.reduce((text, name) => {
    if (/^\d+$/.test(name)) return `${text}[${name}]`
    return text === '' ? name : `${text}.${name}`
  }, '')
}

async function fileDocument(file: string, problems: string[]): Promise<ConfigFile> {
  const read = await readConfigFile(file)
  if ('problem' in read) problems.push(read.problem)
  if ('faults' in read)
    problems.push(...read.faults.map(({ place, words }) => `${file}: ${dotted(place) || WHOLE} ${words}`))
  if (!('document' in read)) return noFile()
  // The file has the plugin's options, and no more than them: the rest is for the deployment to say.
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
