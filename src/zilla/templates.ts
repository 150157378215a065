// Zilla's expressions within a text: `${params.NAME}`, `${guarded['GUARD'].identity}`, `${{env.NAME}}`, and
// `${guarded['GUARD'].attributes.NAME}`. Promise: what is no expression of these is never taken for plain text.

import { parseTemplate } from '../selection/template.ts'
import type { PathParams } from './paths.ts'

/** The claims that a guard's names stand for, each as it stands behind `token` in a template: `.sub`. */
export interface GuardClaims {
  readonly name: string
  readonly identity: string
  readonly attributes: ReadonlyMap<string, string>
}

const EXPRESSION =
  /\$\{(?:params\.([a-zA-Z_]+)|guarded\['([a-zA-Z][\w.:-]*)'\]\.(?:identity|attributes\.([a-zA-Z][\w.:-]*)))\}/g
const VARIABLE = /^\$\{\{\s*env\.([^\s}]+)\s*\}\}$/

/** The variable that the whole text is read from; null if it is none. */
export function variableOf(text: string): string | null {
  return VARIABLE.exec(text)?.[1] ?? null
}

/** Whether Zilla reads a part of the text from elsewhere as it starts. */
export function hasResolver(text: string): boolean {
  return text.includes('${{')
}

/** Our template for the text. `problem`: what of it cannot be converted. */
export function convertTemplate(
  text: string,
  params: PathParams,
  guard: GuardClaims | null,
): { readonly template: string } | { readonly problem: string } {
  const problems: string[] = []
  const refused = (problem: string) => {
    problems.push(problem)
    return ''
  }
  const template = text.replace(EXPRESSION, (_, param?: string, guardName?: string, attribute?: string) => {
    if (param !== undefined) return markOfParam(param, params) ?? refused(noParam(param))
    const claim = guard !== null && guard.name === guardName ? claimOf(guard, attribute) : null
    return claim === null ? refused(noClaim(guardName ?? '')) : `{token${claim}}`
  })
  const plain = text.replace(EXPRESSION, '')
  if (/[{}]/.test(plain)) refused('has a brace that is no expression of a route')
  else if (problems.length === 0 && !isTemplate(template))
    refused('names a claim that a template cannot name')
  const [problem] = problems
  return problem === undefined ? { template } : { problem }
}

function isTemplate(text: string): boolean {
  try {
    parseTemplate(text)
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

function claimOf(guard: GuardClaims, attribute: string | undefined): string | null {
  return attribute === undefined ? guard.identity : (guard.attributes.get(attribute) ?? null)
}

function markOfParam(name: string, params: PathParams): string | null {
  const value = params.get(name)
  return value === null ? `{params.${name}}` : (value ?? null)
}

function noClaim(guard: string): string {
  return `names what the guard of this stream does not have (${guard})`
}

function noParam(name: string): string {
  return `names the parameter ${name}, which the path does not have`
}
