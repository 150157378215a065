// Sends options to another process or thread. Promise: the receiver gets equal options, or the sender gets an error
// that names the place. Functions cannot be sent, so each thread takes its own from CONFIG_FILE, which must not change.

import { ConfigError } from '../config/config-error.ts'
import { readModule } from '../config/config-file/config-file.ts'
import { dotted, setAt, unplainFaults, valueAt } from '../config/document.ts'
import type { SettingPlace } from '../config/validation.ts'
import type { ConfigModule, ServerOptions } from '../options.ts'

const NOT_IN_EVERY = 'is not a function in every thread'

export interface HandedOptions {
  /** Plain data, which structured clone keeps whole. */
  readonly options: ServerOptions
  /** Where the options had functions. */
  readonly functions: readonly SettingPlace[]
}

/** Throws a ConfigError with a line for each value that cannot be sent. */
export function handOver(options: ServerOptions): HandedOptions {
  const functions: SettingPlace[] = []
  const problems: string[] = []
  const data = sendable(options, [], new Set(), (place, kind) => {
    if (kind === 'a function' && options.configModule !== undefined) functions.push(place)
    else problems.push(`options.${dotted(place)} is ${kind}, which cannot be sent to another thread`)
  })
  if (problems.length > 0) throw new ConfigError(problems)
  return { options: data as ServerOptions, functions } // a copy without the functions
}

/** The options with this thread's own functions. Throws a ConfigError that names the file. */
export async function takeOver({ options, functions }: HandedOptions): Promise<ServerOptions> {
  const { configModule } = options
  if (configModule === undefined) return options
  const document = await readModule(configModule)
  refuseOthers(document, functions, configModule)
  const taken = structuredClone(options)
  for (const place of functions) setAt(Object(taken), place, functionAt(document, place, configModule))
  return taken
}

/** Refuses a file with functions that the sender did not find. They would be ignored, even an `authenticate`. */
function refuseOthers(document: unknown, functions: readonly SettingPlace[], { path }: ConfigModule): void {
  const known = new Set(functions.map(dotted))
  const faults = unplainFaults(document).map(({ place, words }) => `${dotted(place)} ${words}`)
  const own = faults.length > 0 ? [] : functionPlaces(document, []).map(dotted)
  const others = own.filter((place) => !known.has(place)).map((place) => `${place} ${NOT_IN_EVERY}`)
  const problems = [...faults, ...others].map((problem) => `CONFIG_FILE: ${path}: ${problem}`)
  if (problems.length > 0) throw new ConfigError(problems)
}

function functionPlaces(value: unknown, place: SettingPlace): SettingPlace[] {
  if (typeof value === 'function') return [place]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => functionPlaces(inner, [...place, name]))
}

function functionAt(document: unknown, place: SettingPlace, { path }: ConfigModule): unknown {
  const found = valueAt(document, place)
  if (typeof found === 'function') return found
  throw new ConfigError([`CONFIG_FILE: ${path}: ${dotted(place)} ${NOT_IN_EVERY}`])
}

type Tell = (place: SettingPlace, kind: string) => void

/** A copy without the values that structured clone would change. Those go to `tell`. */
function sendable(value: unknown, place: SettingPlace, above: ReadonlySet<unknown>, tell: Tell): unknown {
  const kind = unsendable(value, above)
  if (kind !== null) {
    tell(place, kind)
    return undefined
  }
  if (typeof value !== 'object' || value === null) return value
  const around = new Set(above).add(value)
  const inner = (item: unknown, name: string) => sendable(item, [...place, name], around, tell)
  if (Array.isArray(value)) return value.map((item, index) => inner(item, `${index}`))
  const entries = Object.entries(value).map(([name, item]) => [name, item, inner(item, name)])
  return Object.fromEntries(
    entries.filter(([, item]) => typeof item !== 'function').map(([name, , copy]) => [name, copy]),
  )
}

/** What the value is, if structured clone would change it; null for plain data. */
function unsendable(value: unknown, above: ReadonlySet<unknown>): string | null {
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  if (typeof value !== 'object' || value === null) return null
  if (above.has(value)) return 'a part of itself'
  const prototype: unknown = Object.getPrototypeOf(value)
  const isPlain = prototype === null || prototype === Object.prototype || prototype === Array.prototype
  if (!isPlain) return `a ${value.constructor?.name || 'value'} and no plain object`
  return Object.getOwnPropertySymbols(value).length > 0 ? 'an object with symbols for names' : null
}
