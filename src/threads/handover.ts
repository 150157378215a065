// Options on their way to another process or thread. Promise: what arrives is what was sent. Functions cannot be sent: each
// thread takes its own out of CONFIG_FILE, which has to be the same file still. What else would be lost on the way is an error
// at the sending side that names its place.

import { type ConfigModule, readModule } from '../config/config-file.ts'
import { setAt, valueAt } from '../config/document.ts'
import { dotted } from '../config/gathering.ts'
import { ConfigError } from '../config/problems.ts'
import type { Place } from '../config/validation.ts'
import type { ServerOptions } from '../options.ts'

export interface HandedOptions {
  /** Plain data, as structured clone takes it. */
  readonly options: ServerOptions
  /** Where the options had functions. */
  readonly functions: readonly Place[]
}

/** Throws a ConfigError with a line for each value that cannot be sent. */
export function handOver(options: ServerOptions): HandedOptions {
  const functions: Place[] = []
  const problems: string[] = []
  const data = sendable(options, [], new Set(), (place, kind) => {
    if (kind === 'a function' && options.configModule !== undefined) functions.push(place)
    else problems.push(`options.${dotted(place)} is ${kind}, which no other thread can be given`)
  })
  if (problems.length > 0) throw new ConfigError(problems)
  return { options: data as ServerOptions, functions } // a copy, but for its functions
}

/** The options as they were sent, with functions of this thread's own. Throws a ConfigError that names the file. */
export async function takeOver({ options, functions }: HandedOptions): Promise<ServerOptions> {
  const { configModule } = options
  if (functions.length === 0 || configModule === undefined) return options
  const document = await readModule(configModule)
  const taken = structuredClone(options)
  for (const place of functions) setAt(Object(taken), place, functionAt(document, place, configModule))
  return taken
}

function functionAt(document: unknown, place: Place, { path }: ConfigModule): unknown {
  const found = valueAt(document, place)
  if (typeof found === 'function') return found
  throw new ConfigError([`CONFIG_FILE: ${path}: ${dotted(place)} is no function in every thread`])
}

type Tell = (place: Place, kind: string) => void

/** A copy of what structured clone keeps whole; what it does not is told and left out. */
function sendable(value: unknown, place: Place, above: ReadonlySet<unknown>, tell: Tell): unknown {
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

/** In words what it is that would be lost; null for plain data. */
function unsendable(value: unknown, above: ReadonlySet<unknown>): string | null {
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  if (typeof value !== 'object' || value === null) return null
  if (above.has(value)) return 'a part of itself'
  const prototype: unknown = Object.getPrototypeOf(value)
  const isPlain = prototype === null || prototype === Object.prototype || prototype === Array.prototype
  if (!isPlain) return `a ${value.constructor?.name || 'value'} and no plain object`
  return Object.getOwnPropertySymbols(value).length > 0 ? 'an object with symbols for names' : null
}
