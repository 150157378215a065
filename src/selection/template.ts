// Templates of a stream's options: text with places for parameters of its path and for claims of a token. Promise: a
// template resolves to texts that were granted, or to nothing; never to "every record".

import { type ClaimPath, claimAt, ownMember, readClaimSteps } from '../token/claim-path.ts'

/** Text, or a place: the value of a parameter of the path or of a claim belongs there. */
export type TemplatePart = string | { readonly param: string } | { readonly claim: ClaimPath }

export interface Template {
  /** As it stands in the options. */
  readonly text: string
  readonly parts: readonly TemplatePart[]
}

/** What the places stand for in one request. */
export interface TemplateValues {
  /** Parameters of the path by name, percent-decoded once. */
  readonly params: Readonly<Record<string, unknown>>
  /** The verified claims. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** Texts that one template may resolve to. A token that grants more opens no stream. */
export const TEMPLATE_VALUES_MAX = 1_000
/**
 * Characters of all these texts together. An open stream keeps them, and a client could make each of a token's 1,000
 * values as long as a parameter of the path may be.
 */
export const TEMPLATE_CHARACTERS_MAX = 2 ** 18

const PARAM = /^params\.([A-Za-z_][A-Za-z0-9_]*)$/

const LONE_SURROGATE = /\p{Surrogate}/u

/** Throws a SyntaxError that quotes the place for anything in braces but `{params.NAME}` and `{token.CLAIM}`. */
export function parseTemplate(text: string): Template {
  const parts: TemplatePart[] = []
  let at = 0
  while (at < text.length) {
    const open = text.indexOf('{', at)
    const plain = open === -1 ? text.slice(at) : text.slice(at, open)
    if (plain.includes('}')) throw new SyntaxError('} without a {')
    if (plain !== '') parts.push(plain)
    if (open === -1) break
    const { part, end } = parsePlace(text, open)
    parts.push(part)
    at = end
  }
  return { text, parts }
}

export function paramsOf({ parts }: Template): string[] {
  return parts.flatMap((part) => (typeof part === 'object' && 'param' in part ? [part.param] : []))
}

export function claimsOf({ parts }: Template): ClaimPath[] {
  return parts.flatMap((part) => (typeof part === 'object' && 'claim' in part ? [part.claim] : []))
}

/** Of the claims only what the paths name, at the same places. */
export function prunedClaims(
  claims: TemplateValues['claims'],
  paths: readonly ClaimPath[],
): TemplateValues['claims'] {
  const names = new Set(paths.flatMap(([name]) => name ?? []))
  const kept = [...names].flatMap((name) => {
    const value = ownMember(claims, name)
    if (value === undefined) return []
    const below = paths.filter(([first]) => first === name).map(([, ...rest]) => rest)
    const isWhole = typeof value !== 'object' || value === null || Array.isArray(value)
    if (isWhole || below.some(({ length }) => length === 0)) return [[name, value] as const]
    return [[name, prunedClaims(value as TemplateValues['claims'], below)] as const] // an object, as checked
  })
  return Object.fromEntries(kept)
}

export function hasClaims({ parts }: Template): boolean {
  return parts.some((part) => typeof part === 'object' && 'claim' in part)
}

/**
 * Every text that the template stands for, each once: one for each combination of the elements of claims that are
 * lists. null if it stands for none: a place that is missing, empty, no text and no integer, or a list that is empty
 * or has such an element; or more than TEMPLATE_VALUES_MAX combinations, or TEMPLATE_CHARACTERS_MAX characters.
 */
export function resolveTemplate({ parts }: Template, values: TemplateValues): readonly string[] | null {
  let texts = ['']
  for (const part of parts) {
    const found = typeof part === 'string' ? [part] : textsAt(part, values)
    if (found === null || found.length * texts.length > TEMPLATE_VALUES_MAX) return null
    const characters = lengthOf(texts) * found.length + lengthOf(found) * texts.length
    if (characters > TEMPLATE_CHARACTERS_MAX) return null
    texts = texts.flatMap((text) => found.map((next) => text + next))
  }
  return texts.includes('') ? null : [...new Set(texts)]
}

function lengthOf(texts: readonly string[]): number {
  return texts.reduce((total, { length }) => total + length, 0)
}

/** Ends behind the place's closing brace. A brace within a quoted name does not close it. */
function parsePlace(text: string, open: number): { part: TemplatePart; end: number } {
  const token = /^\{token(?=[.[])/.exec(text.slice(open, open + 7))
  if (token !== null) {
    const { steps, end } = readClaimSteps(text, open + token[0].length)
    const isCut = steps.some(({ name, isQuoted }, at) => {
      return !isQuoted && name.includes('://') && steps[at + 1]?.isQuoted === false
    })
    if (isCut) throw dotsInName(text, open)
    const claim = steps.map(({ name }) => name)
    if (claim.length > 0 && text[end] === '}') return { part: { claim }, end: end + 1 }
  }
  const close = text.indexOf('}', open)
  const param = PARAM.exec(text.slice(open + 1, Math.max(close, open)))?.[1]
  if (param === undefined) throw notAPlace(text, open)
  return { part: { param }, end: close + 1 }
}

/** Claims of one's own are URLs at several identity providers. Cut at its dots, such a name would never be found. */
function dotsInName(text: string, open: number): SyntaxError {
  const place = placeAt(text, open)
  return new SyntaxError(
    `${place} names a claim with dots, which stands in brackets: {token["https://example.com/org"].id}`,
  )
}

function notAPlace(text: string, open: number): SyntaxError {
  return new SyntaxError(`${placeAt(text, open)} is neither {params.NAME} nor {token.CLAIM}`)
}

function placeAt(text: string, open: number): string {
  const close = text.indexOf('}', open)
  return close === -1 ? text.slice(open) : text.slice(open, close + 1)
}

function textsAt(place: Exclude<TemplatePart, string>, values: TemplateValues): string[] | null {
  const value = 'param' in place ? ownMember(values.params, place.param) : claimAt(values.claims, place.claim)
  const elements = Array.isArray(value) ? value : [value]
  if (elements.length === 0 || elements.length > TEMPLATE_VALUES_MAX) return null
  const texts = elements.map(textOf)
  return texts.every((text) => text !== null) ? texts : null
}

/** A text that is not empty and has no lone surrogate, or the digits of an integer up to 2^53 - 1; else null. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value !== '' && !LONE_SURROGATE.test(value) ? value : null
  return Number.isSafeInteger(value) ? String(value) : null
}
