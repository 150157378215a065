// Which of a topic's records a stream gets: what its options grant to a request, narrowed by what the client asks for.
// Promise: a request is never granted more than the templates of the options say.

import { createHash } from 'node:crypto'
import { fieldSelector, headerSelector, parseSelector, type Selector } from '../routing/selector.ts'
import { quoted } from '../text/quoted.ts'
import type { ClaimPath } from '../token/claim-path.ts'
import {
  claimsOf,
  paramsOf,
  parseTemplate,
  resolveTemplate,
  type Template,
  type TemplateValues,
} from './template.ts'

/** The options of a stream that say which records it gets. All of them must match. */
export interface SelectionOptions {
  /** Template of the record's key. */
  readonly key?: string
  /** Templates by name of a header. */
  readonly headers?: Readonly<Record<string, string>>
  /** Templates by JSON Pointer of a field of the value. */
  readonly fields?: Readonly<Record<string, string>>
  /** Templates by `params.NAME`: the parameter must be one of the texts. */
  readonly where?: Readonly<Record<string, string>>
  /** Names of selectors that the client may choose values for, in the query. */
  readonly select?: readonly string[]
}

/** A record matches if one of its values for the selector is one of these. As binary text: one character a byte. */
export interface RouteCondition {
  readonly selector: Selector
  readonly values: ReadonlySet<string>
}

/** What a stream gets: records that match every condition; every record if there is none. */
export interface Selection {
  readonly conditions: readonly RouteCondition[]
  /**
   * Identifies what the options granted, without the client's choice. A digest, because the values of a token may be
   * long; empty if they granted every record. A renewal must be granted the same.
   */
  readonly granted: string
}

/** `empty`: a template stands for nothing. `not-allowed`: `where` rules the parameter out. `choice`: a bad query. */
export type Refusal =
  | {
      readonly refused: 'empty' | 'not-allowed'
      /** The option that refuses, such as `key` or `where.params.customer`. For the log alone. */
      readonly option: string
    }
  | { readonly refused: 'choice'; readonly words: string }

/** Different values that a client may choose, of all selectors together. */
export const CHOSEN_VALUES_MAX = 100

/** Characters of an unknown name that an answer repeats. */
const NAME_SHOWN_MAX = 60

type Query = Readonly<Record<string, string | readonly string[] | undefined>>

/** The selection of one stream's options. Throws a SyntaxError for options that no request could satisfy. */
export class SelectionPlan {
  private readonly granted: readonly { readonly selector: Selector; readonly template: Template }[]
  private readonly allowed: readonly { readonly param: string; readonly template: Template }[]
  private readonly chosen: readonly Selector[]

  constructor({ key, headers = {}, fields = {}, where = {}, select = [] }: SelectionOptions) {
    this.granted = [
      ...(key === undefined ? [] : [{ selector: parseSelector('key'), template: parseTemplate(key) }]),
      ...Object.entries(headers).map(([name, text]) => granted(headerSelector(name), text)),
      ...Object.entries(fields).map(([pointer, text]) => granted(fieldSelector(pointer), text)),
    ]
    this.allowed = Object.entries(where).map(([name, text]) => ({
      param: paramOf(name),
      template: parseTemplate(text),
    }))
    this.chosen = select.map(parseSelector)
  }

  /** The selectors of all conditions that a stream may have, each once. */
  get selectors(): readonly Selector[] {
    const all = [...this.granted.map(({ selector }) => selector), ...this.chosen]
    return all.filter(({ name }, at) => all.findIndex((other) => other.name === name) === at)
  }

  /** Parameters of the path that the options name. */
  get params(): readonly string[] {
    return [...this.granted, ...this.allowed]
      .flatMap(({ template }) => paramsOf(template))
      .concat(this.allowed.map(({ param }) => param))
  }

  /** Whether what a stream gets depends on its token. */
  get isPrivate(): boolean {
    return this.claims.length > 0
  }

  /** Paths of the claims that the options name. */
  get claims(): readonly ClaimPath[] {
    return [...this.granted, ...this.allowed].flatMap(({ template }) => claimsOf(template))
  }

  /** What a request gets, by its path, its token and its query. */
  resolve(values: TemplateValues, query: Query): Selection | Refusal {
    for (const { param, template } of this.allowed) {
      const texts = resolveTemplate(template, values)
      const option = `where.params.${param}`
      if (texts === null) return { refused: 'empty', option }
      if (!texts.includes(String(values.params[param] ?? ''))) return { refused: 'not-allowed', option }
    }
    const conditions: RouteCondition[] = []
    for (const { selector, template } of this.granted) {
      const texts = resolveTemplate(template, values)
      if (texts === null) return { refused: 'empty', option: selector.name }
      conditions.push({ selector, values: new Set(texts.map(binary)) })
    }
    return this.narrow(conditions, query)
  }

  private narrow(conditions: RouteCondition[], query: Query): Selection | Refusal {
    const granted = identity(conditions)
    const stray = Object.keys(query).find((name) => isSelector(name) && !this.isChoice(name))
    if (stray !== undefined) return refusedChoice(`${shortened(stray)} cannot be chosen at this path`)
    let count = 0
    for (const selector of this.chosen) {
      const asked = query[selector.name]
      if (asked === undefined) continue
      const texts = new Set(typeof asked === 'string' ? [asked] : asked)
      count += texts.size
      if (texts.has('')) return refusedChoice(`${selector.name} is empty`)
      if (count > CHOSEN_VALUES_MAX) return refusedChoice(`there are more than ${CHOSEN_VALUES_MAX} values`)
      const values = new Set([...texts].map(binary))
      const at = conditions.findIndex((condition) => condition.selector.name === selector.name)
      const isGranted = at === -1 || [...values].every((value) => conditions[at]?.values.has(value))
      if (!isGranted) return refusedChoice(`${selector.name} is not granted`)
      conditions.splice(at === -1 ? conditions.length : at, 1, { selector, values })
    }
    return { conditions, granted }
  }

  private isChoice(name: string): boolean {
    return this.chosen.some((selector) => selector.name === name)
  }
}

/** A client that names a selector wants fewer records, so it is not given more without a word. */
function isSelector(name: string): boolean {
  return name === 'key' || name.startsWith('headers.') || name.startsWith('fields.')
}

function granted(selector: Selector, text: string) {
  return { selector, template: parseTemplate(text) }
}

function paramOf(name: string): string {
  const param = /^params\.([A-Za-z_][A-Za-z0-9_]*)$/.exec(name)?.[1]
  if (param === undefined) throw new SyntaxError(`${quoted(name)} is not params.NAME`)
  return param
}

/** What a stream gets, in one text for all ways to order conditions and values. Empty for every record. */
export function selectionText(conditions: readonly RouteCondition[]): string {
  if (conditions.length === 0) return ''
  const texts = conditions.map(({ selector, values }) =>
    JSON.stringify([selector.name, ...[...values].sort()]),
  )
  return texts.sort().join('')
}

/** The same for the same conditions, regardless of the order in which a token lists its values. */
function identity(conditions: readonly RouteCondition[]): string {
  if (conditions.length === 0) return ''
  return createHash('sha256').update(selectionText(conditions)).digest('base64url')
}

/** A name of the client's own making, as an answer repeats it. */
export function shortened(name: string): string {
  return name.length > NAME_SHOWN_MAX ? `${name.slice(0, NAME_SHOWN_MAX)}…` : name
}

function refusedChoice(words: string): Refusal {
  return { refused: 'choice', words }
}

function binary(text: string): string {
  return Buffer.from(text).toString('latin1')
}
