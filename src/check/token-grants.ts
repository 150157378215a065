// What a token lacks for a stream: its scope, or a claim that the stream's templates name. Parameters of the path are
// any text here, since they are not known. Plain functions.

import type { ResolvedStream } from '../options.ts'
import { paramsOf, parseTemplate, resolveTemplate } from '../selection/template.ts'
import { quoted } from '../text/quoted.ts'
import { type Claims, grantsScope, sessionOf } from '../token/claims.ts'
import type { TokenRules } from '../token/token-rules.ts'

const ANY_TEXT = 'x'

/** Why the server refuses this stream to the token (403), as a predicate of the path; null if it does not. */
export function missingGrant(stream: ResolvedStream, claims: Claims, rules: TokenRules): string | null {
  const session = sessionOf(claims, rules, '')
  const { scope } = stream
  if (!grantsScope(session, scope)) {
    const claim = rules.scopeClaims.map(({ text }) => text).join(', ')
    const scopes = [...session.scopes].map(quoted).join(', ') || 'none'
    return `needs the scope ${quoted(scope)}, and ${claim} has ${scopes}`
  }
  const empty = templatesOf(stream).find(([, text]) => isEmpty(text, claims))
  if (empty === undefined) return null
  const [option, text] = empty
  return `needs the claims of its ${option} ${quoted(text)}, and the token has no text or number there`
}

function templatesOf({ key, headers, fields, where }: ResolvedStream): (readonly [string, string])[] {
  const named = (option: string, texts: Readonly<Record<string, string>> = {}) =>
    Object.entries(texts).map(([name, text]) => [`${option}[${quoted(name)}]`, text] as const)
  return [
    ...(key === undefined ? [] : [['key', key] as const]),
    ...named('headers', headers),
    ...named('fields', fields),
    ...named('where', where),
  ]
}

function isEmpty(text: string, claims: Claims): boolean {
  const template = parseTemplate(text)
  const params = Object.fromEntries(paramsOf(template).map((name) => [name, ANY_TEXT]))
  return resolveTemplate(template, { params, claims }) === null
}
