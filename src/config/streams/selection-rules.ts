// Rules for the options that narrow a stream, which the schema cannot express: a template may name only parameters that
// its path has, and a topic has a limited number of selectors.

import type { StreamOptions } from '../../options.ts'
import { SELECTORS_MAX } from '../../routing/route-reader.ts'
import { hasClaims, paramsOf, parseTemplate } from '../../selection/template.ts'
import { quoted } from '../../text/quoted.ts'
import type { Fault, SettingPlace } from '../validation.ts'
import { pathParameters } from './path-parameters.ts'
import { busOf } from './stream-selectors.ts'

/** The options that narrow a stream, or say who may open it. `ids` needs one of them. */
const NARROWING = ['key', 'headers', 'fields', 'where', 'select'] as const

/** What tells which bus a stream reads. */
type Placed = Readonly<Record<string, unknown>> & Pick<StreamOptions, 'topic' | 'encoding' | 'replay'>

/** The faults of streams whose shape the schema may not accept: what it reports is passed over here. */
export function selectionFaults(streams: readonly unknown[]): Fault[] {
  const faults = streams.flatMap((stream, at) => streamFaultsAt(Object(stream), ['streams', `${at}`]))
  return [...faults, ...selectorFaults(streams)]
}

function streamFaultsAt(stream: Readonly<Record<string, unknown>>, place: SettingPlace): Fault[] {
  const params = typeof stream.path === 'string' ? pathParameters(stream.path) : null
  return [
    ...(params === null ? [] : pathFaults(params, [...place, 'path'])),
    ...templatesOf(stream).flatMap(({ at, text }) => templateFaults(text, params, [...place, ...at])),
    ...whereFaults(stream.where, params, [...place, 'where']),
    ...selectFaults(stream.select, [...place, 'select']),
    ...idsFaults(stream, [...place, 'ids']),
    ...envelopeFaults(stream, [...place, 'encoding']),
  ]
}

/** find-my-way keeps only the last of two parameters with one name, and loses `__proto__`. */
function pathFaults(params: readonly string[], place: SettingPlace): Fault[] {
  const twice = params.find((name, at) => params.indexOf(name) < at)
  if (twice !== undefined) return [wrong(place, `names the parameter ${quoted(twice)} twice`)]
  return params.includes('__proto__') ? [wrong(place, 'names a parameter __proto__')] : []
}

/** All templates of a stream, each with its place. */
function templatesOf(stream: Readonly<Record<string, unknown>>): { at: SettingPlace; text: string }[] {
  const listed = (['headers', 'fields', 'where'] as const).flatMap((option) =>
    Object.entries(membersOf(stream[option])).map(([name, text]) => ({ at: [option, name], text })),
  )
  return [{ at: ['key'], text: stream.key }, ...listed].flatMap(({ at, text }) =>
    typeof text === 'string' ? [{ at, text }] : [],
  )
}

/** None if the option is no object, which the schema reports. */
function membersOf(option: unknown): object {
  return typeof option === 'object' && option !== null && !Array.isArray(option) ? option : {}
}

/** `params`: what the path has; null if there is no path to compare with. */
function templateFaults(text: string, params: readonly string[] | null, place: SettingPlace): Fault[] {
  try {
    const template = parseTemplate(text)
    if (/\p{Surrogate}/u.test(text)) return [wrong(place, 'holds a half of a surrogate pair')]
    const missing = params === null ? [] : paramsOf(template).filter((name) => !params.includes(name))
    return missing.map((name) =>
      wrong(place, `names {params.${name}}, which the path does not have as :${name}`),
    )
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return [wrong(place, `is no template: ${error.message}`)]
  }
}

function whereFaults(where: unknown, params: readonly string[] | null, place: SettingPlace): Fault[] {
  if (params === null) return []
  return Object.keys(Object(where)).flatMap((name) => {
    const param = /^params\.(.*)$/s.exec(name)?.[1]
    const isMissing = param !== undefined && !params.includes(param)
    return isMissing ? [wrong([...place, name], 'is not a parameter of the path')] : []
  })
}

function selectFaults(select: unknown, place: SettingPlace): Fault[] {
  if (!Array.isArray(select)) return []
  const twice: unknown = select.find((name, at) => select.indexOf(name) < at)
  return twice === undefined ? [] : [wrong(place, `lists ${quoted(twice)} twice`)]
}

function idsFaults(stream: Readonly<Record<string, unknown>>, place: SettingPlace): Fault[] {
  if (stream.ids === undefined || NARROWING.some((option) => stream[option] !== undefined)) return []
  return [wrong(place, `needs one of ${NARROWING.join(', ')}: other streams have plain ids`)]
}

/** Each event of an envelope has its partition and offset, so sealed ids would hide nothing. */
function envelopeFaults(stream: Readonly<Record<string, unknown>>, place: SettingPlace): Fault[] {
  const { encoding, ids = templatesOf(stream).some(({ text }) => isOfClaims(text)) ? 'sealed' : 'plain' } =
    stream
  if (encoding !== 'envelope' || ids !== 'sealed') return []
  return [wrong(place, 'writes the offsets that sealed ids hide. If clients may know them, set ids to plain')]
}

/** What is no template is reported where it stands. */
function isOfClaims(text: string): boolean {
  try {
    return hasClaims(parseTemplate(text))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return false
  }
}

/** One fault for each bus that would have too many, at the stream that makes it so. */
function selectorFaults(streams: readonly unknown[]): Fault[] {
  const names = new Map<string, Set<string>>()
  return streams.flatMap((given, at) => {
    const stream: Readonly<Record<string, unknown>> = Object(given)
    if (!isPlaced(stream)) return []
    const own = selectorNames(stream)
    for (const topic of listedTopics(stream)) {
      const bus = busOf({ ...stream, topic })
      const known = names.get(bus) ?? new Set()
      names.set(bus, known)
      const isFull = known.size > SELECTORS_MAX
      for (const name of own) known.add(name)
      if (isFull || known.size <= SELECTORS_MAX) continue
      const words = `makes ${known.size} headers and fields by which ${topic} is selected; at most ${SELECTORS_MAX}`
      return [wrong(['streams', `${at}`], words)]
    }
    return []
  })
}

/** The topics that the stream may have, as far as the schema accepts them. */
function listedTopics({ topic, topics }: Placed & { readonly topics?: unknown }): readonly string[] {
  if (!Array.isArray(topics)) return [topic]
  return topics.filter((name): name is string => typeof name === 'string')
}

/** The schema reports the others. */
function isPlaced(stream: Readonly<Record<string, unknown>>): stream is Placed {
  const { topic, encoding = 'text', replay = 'latest' } = stream
  return [topic, encoding, replay].every((value) => typeof value === 'string')
}

function selectorNames({ headers, fields, select }: Readonly<Record<string, unknown>>): string[] {
  return [
    ...Object.keys(membersOf(headers)).map((name) => `headers.${name}`),
    ...Object.keys(membersOf(fields)).map((pointer) => `fields.${pointer}`),
    ...(Array.isArray(select) ? select.filter((name) => name !== 'key') : []),
  ]
}

function wrong(place: SettingPlace, words: string): Fault {
  return { place, kind: 'wrong', words }
}
