// What an http server of Zilla lets in: how a request shows its token, and which pages may read the answers.

import type { Notes } from './notes.ts'
import type { YamlPlace } from './place.ts'

const ALL = '{credentials}'
/** How a request shows its token to this server; the header is always read. */
const HEADER = 'Bearer {credentials}'
const COOKIE = /^__Host-[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

export interface Access {
  readonly auth: Record<string, unknown>
  readonly sse: Record<string, unknown>
}

/** `options`: of the http server. */
export function convertAccess(options: YamlPlace | null, notes: Notes): Access {
  const auth: Record<string, unknown> = { queryToken: false }
  for (const [, guard] of options?.member('authorization')?.members() ?? []) {
    const credentials = guard.member('credentials')
    for (const [name, pattern] of credentials?.member('headers')?.members() ?? [])
      header(name, pattern, notes)
    for (const [name, pattern] of credentials?.member('query')?.members() ?? []) {
      if (name === 'access_token' && pattern.text() === ALL) auth.queryToken = true
      else notes.add(pattern, `a token in a URL is ?access_token= here: clients change ?${name}=`)
    }
    for (const [name, pattern] of credentials?.member('cookies')?.members() ?? []) {
      if (COOKIE.test(name) && pattern.text() === ALL) auth.cookie = name
      else
        notes.add(
          pattern,
          `a cookie with a token begins with __Host- here: set it as __Host-${name}, and JWT_COOKIE`,
        )
    }
  }
  return { auth, sse: originsOf(options?.member('access-control') ?? null, 'cookie' in auth, notes) }
}

function header(name: string, pattern: YamlPlace, notes: Notes): void {
  if (name.toLowerCase() === 'authorization' && pattern.text() === HEADER) return
  notes.add(pattern, `a token in a header is "Authorization: Bearer" here: clients change ${name}`)
}

/** Without a policy Zilla lets in pages of its own origin alone. */
function originsOf(control: YamlPlace | null, hasCookie: boolean, notes: Notes): Record<string, unknown> {
  if (control === null || control.member('policy')?.text() !== 'cross-origin') return { corsOrigins: [] }
  const allow = control.member('allow')
  const origins = textsOf(allow?.member('origins') ?? null)
  const headers = textsOf(allow?.member('headers') ?? null).filter((name) => name !== '*')
  allow?.member('credentials')?.readAll()
  allow?.member('methods')?.readAll()
  control.member('max-age')?.readAll()
  const exposed = control.at('expose', 'headers')
  if (exposed !== null) notes.add(exposed, 'streams have no headers of their own to expose: not needed')
  const corsHeaders = headers.length > 0 && { corsHeaders: headers }
  if (origins.length > 0) return { corsOrigins: origins, ...corsHeaders }
  if (!hasCookie) return { corsOrigins: ['*'], ...corsHeaders }
  notes.say(
    control,
    'pages of any origin cannot read streams that a cookie opens: list their origins in sse.corsOrigins',
  )
  return { corsOrigins: [], ...corsHeaders }
}

function textsOf(place: YamlPlace | null): string[] {
  return (place?.items() ?? []).flatMap((item) => item.text() ?? [])
}
