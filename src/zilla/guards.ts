// Zilla's jwt guards, which say what tokens are accepted, as `auth` of ours.

import type { Notes } from './notes.ts'
import type { YamlPlace } from './place.ts'
import type { GuardClaims } from './templates.ts'
import { hasResolver } from './templates.ts'

/** Members of a key that are public (RFC 7517, RFC 7518). */
const PUBLIC_MEMBERS = [
  'kty',
  'kid',
  'alg',
  'use',
  'key_ops',
  'n',
  'e',
  'crv',
  'x',
  'y',
  'x5c',
  'x5t',
  'x5t#S256',
]
const CHALLENGE_SECONDS_MAX = 3_600

export interface Guard extends GuardClaims {
  readonly place: YamlPlace
  readonly auth: Record<string, unknown>
  readonly challengeSeconds: number | null
}

/** The guards of type jwt by name. Any other is noted. */
export function readGuards(top: YamlPlace | null, notes: Notes): ReadonlyMap<string, YamlPlace> {
  const guards = new Map<string, YamlPlace>()
  for (const [name, place] of top?.members() ?? []) {
    const type = place.member('type')?.text()
    if (type === 'jwt') guards.set(name, place)
    else notes.add(place, `a guard of type ${type} is not converted: streams here are opened by JWTs`)
  }
  return guards
}

export function convertGuard(name: string, place: YamlPlace, notes: Notes): Guard {
  const options = place.member('options')
  const text = (option: string) => plainText(options?.member(option) ?? null, notes)
  const issuer = text('issuer')
  const audience = text('audience')
  const keys = convertKeys(options?.member('keys') ?? null, issuer, notes)
  const attributes = (options?.member('attributes')?.members() ?? []).map(
    ([attribute, claim]) => [attribute, steps((claim.text() ?? '').split('.'))] as const,
  )
  const auth = { issuer, audience, keys, scopeClaim: text('roles') }
  return {
    name,
    place,
    identity: steps([text('identity') ?? 'sub']),
    attributes: new Map(attributes),
    auth: Object.fromEntries(Object.entries(auth).filter(([, value]) => value !== null)),
    challengeSeconds: challengeOf(options?.member('challenge') ?? null, notes),
  }
}

/** The way to a claim, for a template. */
function steps(names: readonly string[]): string {
  return names
    .map((name) => (/^[A-Za-z_]\w*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`))
    .join('')
}

/** null, with a note, for a text of which Zilla reads a part from its environment. */
export function plainText(place: YamlPlace | null, notes: Notes): string | null {
  const text = place?.text() ?? null
  if (place === null || text === null || !hasResolver(text)) return text
  notes.add(place, 'is read from the environment of Zilla: write the value into the converted file')
  return null
}

function challengeOf(place: YamlPlace | null, notes: Notes): number | null {
  const text = place?.text() ?? null
  if (place === null || text === null) return null
  const seconds = Number(text)
  if (seconds >= 1 && seconds <= CHALLENGE_SECONDS_MAX) return seconds
  notes.add(
    place,
    `is out of range, 1 to ${CHALLENGE_SECONDS_MAX} s here: sse.challengeSeconds is left at 10`,
  )
  return null
}

/** Zilla looks for the keys below the issuer, and not where the issuer's discovery document says. */
function convertKeys(place: YamlPlace | null, issuer: string | null, notes: Notes): string | null {
  if (place === null) {
    return issuer === null ? null : `${issuer.replace(/\/$/, '')}/.well-known/jwks.json`
  }
  if (place.content.kind === 'value') return plainText(place, notes)
  const keys = place.items().flatMap((key) => convertKey(key, notes))
  return keys.length === 0 ? null : JSON.stringify({ keys })
}

function convertKey(place: YamlPlace, notes: Notes): Readonly<Record<string, unknown>>[] {
  const members = place.members()
  const secret = members.find(([name]) => !PUBLIC_MEMBERS.includes(name))
  if (secret !== undefined) {
    notes.add(place, `has the member ${secret[0]}, which no public key has: the key is left out`)
    return []
  }
  const texts = members.map(
    ([name, { content }]) => [name, content.kind === 'list' ? null : content] as const,
  )
  return [
    Object.fromEntries(
      texts.flatMap(([name, content]) => (content?.kind === 'value' ? [[name, String(content.value)]] : [])),
    ),
  ]
}
