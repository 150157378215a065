// Which records a request gets, by its path, its token and its query. Promise: a request that is refused is told what
// is wrong, and no value of its token or its query.

import type { FastifyRequest } from 'fastify'
import { NotAllowed, ParameterInvalid, SelectionEmpty } from '../src/errors.ts'
import { type Refusal, type Selection, type SelectionPlan, shortened } from '../src/selection/selection.ts'
import type { TemplateValues } from '../src/selection/template.ts'
import type { Session } from '../src/token/session.ts'

/** The client chose what it cannot have. Answered as 400, after what is checked before the query. */
export type BadChoice = Extract<Refusal, { refused: 'choice' }>

interface Choices {
  /** Values by the name of a selector. */
  readonly values: Readonly<Record<string, readonly string[]>>
  /** The first selector that cannot be read, or whose value cannot. */
  readonly unreadable: string | null
}

const NO_CHOICES: Choices = { values: {}, unreadable: null }
const SELECTOR = /^(?:key$|headers\.|fields\.)/
const NOT_ASCII = /[^\0-\x7f]/

/** What a GET gets. Throws SelectionEmpty or NotAllowed. */
export function requestedSelection(
  plan: SelectionPlan,
  request: FastifyRequest,
  session: Session,
): Selection | BadChoice {
  const { values, unreadable } = choicesOf(request.url)
  const selection = plan.resolve(valuesOf(request, session), values)
  if (isForbidden(selection)) throw errorOf(selection, request)
  if (unreadable === null || 'refused' in selection) return selection
  return { refused: 'choice', words: `${shortened(unreadable)} is not percent-encoded UTF-8` }
}

/** What the token grants at the path, regardless of what a client chooses. Throws SelectionEmpty or NotAllowed. */
export function grantedSelection(plan: SelectionPlan, request: FastifyRequest, session: Session): Selection {
  const selection = plan.resolve(valuesOf(request, session), {})
  if ('refused' in selection) throw errorOf(selection, request)
  return selection
}

function valuesOf({ params }: FastifyRequest, { claims }: Session): TemplateValues {
  return { params: params as Readonly<Record<string, string>>, claims } // the router's parameters are texts by name
}

function isForbidden(selection: Selection | Refusal): selection is Exclude<Refusal, BadChoice> {
  return 'refused' in selection && selection.refused !== 'choice'
}

function errorOf(refusal: Refusal, { log }: FastifyRequest): Error {
  if (refusal.refused === 'choice') return new ParameterInvalid(refusal.words)
  // The answer does not say by which option, so that a client learns nothing of how others are told apart.
  log.debug({ option: refusal.option }, 'an option of the stream grants nothing to this path and token')
  return refusal.refused === 'empty' ? new SelectionEmpty() : new NotAllowed()
}

/** Of the query as it was sent, because a host's parser of queries may make anything of a name with dots. */
function choicesOf(url: string): Choices {
  const start = url.search(/[?#]/) // where the router ends the path; the query has the rest, question marks, too
  if (start === -1) return NO_CHOICES
  const values: Record<string, string[]> = {}
  let unreadable: string | null = null
  for (const pair of url.slice(start + 1).split('&')) {
    const equals = pair.indexOf('=')
    const written = equals === -1 ? pair : pair.slice(0, equals)
    const name = decoded(written)
    const legible = name ?? replaced(written)
    if (!SELECTOR.test(legible)) continue
    const value = equals === -1 ? '' : decoded(pair.slice(equals + 1))
    if (name === null || value === null) unreadable ??= legible
    else if (Object.hasOwn(values, name)) values[name]?.push(value)
    else values[name] = [value]
  }
  return { values, unreadable }
}

/**
 * As forms are encoded (URL standard, 5.1). null for bytes that are not UTF-8, which the standard would replace, and
 * for bytes that are not encoded: Node makes a character of each.
 */
function decoded(text: string): string | null {
  if (NOT_ASCII.test(text)) return null
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return null
  }
}

/** The same, with U+FFFD for what cannot be decoded. */
function replaced(name: string): string {
  return [...new URLSearchParams(`=&${name}`).keys()].at(-1) ?? ''
}
