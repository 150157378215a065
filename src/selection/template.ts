// Templates of a stream's options: text with places for parameters of its path and for claims of a token. Promise: a
// template resolves to texts that were granted, or to nothing; never to "every record".

/** A claim by its path from the root of the token, `['org', 'id']` for `{token.org.id}`. */
export type ClaimPath = readonly string[]

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
/** One step of a claim's path: a name after a dot, or a JSON string in brackets, for a name that holds dots. */
const CLAIM_STEP = /\.([^.[\]{}"\s]+)|\[("(?:[^"\\]|\\.)*")\]/y

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
    const value = own(claims, name)
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
    const claim: string[] = []
    /** The last step's, if it has no quotes. */
    let unquotedName: string | undefined
    CLAIM_STEP.lastIndex = open + token[0].length
    let end = CLAIM_STEP.lastIndex
    for (let step = CLAIM_STEP.exec(text); step !== null; step = CLAIM_STEP.exec(text)) {
      if (step[1] !== undefined && unquotedName?.includes('://')) throw dotsInName(text, open)
      unquotedName = step[1]
      claim.push(step[1] ?? unquoted(step[2] ?? '', text, open))
      end = CLAIM_STEP.lastIndex
    }
    if (claim.length > 0 && text[end] === '}') return { part: { claim }, end: end + 1 }
  }
  const close = text.indexOf('}', open)
  const param = PARAM.exec(text.slice(open + 1, Math.max(close, open)))?.[1]
  if (param === undefined) throw notAPlace(text, open)
  return { part: { param }, end: close + 1 }
}

function unquoted(name: string, text: string, open: number): string {
  try {
    return String(JSON.parse(name))
  } catch {
    throw notAPlace(text, open)
  }
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
  const value = 'param' in place ? own(values.params, place.param) : claimAt(values.claims, place.claim)
  const elements = Array.isArray(value) ? value : [value]
  if (elements.length === 0 || elements.length > TEMPLATE_VALUES_MAX) return null
  const texts = elements.map(textOf)
  return texts.every((text) => text !== null) ? texts : null
}

function claimAt(claims: Readonly<Record<string, unknown>>, path: ClaimPath): unknown {
  let value: unknown = claims
  for (const name of path) value = Array.isArray(value) ? undefined : own(value, name)
  return value
}

/** Only what the object itself has, so that no claim is found in a prototype. */
function own(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return (value as Readonly<Record<string, unknown>>)[name] // an object, as checked
}

/** A text that is not empty and has no lone surrogate, or the digits of an integer up to 2^53 - 1; else null. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value !== '' && !LONE_SURROGATE.test(value) ? value : null
  return Number.isSafeInteger(value) ? String(value) : null
}
