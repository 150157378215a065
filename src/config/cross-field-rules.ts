// What the schema cannot say: which settings another one makes needless, where keys are found when none are named, and that each
// stream has a path of its own.

import type { AuthOptions, ResolvedOptions } from '../options.ts'
import { keySetting } from '../token/key-setting.ts'
import { AUTH_SETTINGS } from './auth-settings.ts'
import { quoted } from './config-error.ts'
import type { Document } from './document.ts'
import type { Fault } from './validation.ts'

const UNDEFINED_AUTHENTICATE: Fault = {
  place: ['auth', 'authenticate'],
  kind: 'wrong',
  words: 'takes a function, not undefined; leave it out where tokens decide',
}

/** Issuer and audience are needed, and an issuer that can be asked for its keys, unless the host authenticates. */
export function authFaults({ auth }: Document): Fault[] {
  if (typeof auth !== 'object' || auth === null) return []
  // A name that was mistyped where the value was taken from: nobody would be asked, and any good token let in.
  if ('authenticate' in auth) return auth.authenticate === undefined ? [UNDEFINED_AUTHENTICATE] : []
  const { issuer, audience, keys }: Partial<AuthOptions> = auth
  const faults: Fault[] = []
  if (issuer === undefined) faults.push(missing('issuer', AUTH_SETTINGS.issuer.description))
  if (audience === undefined) faults.push(missing('audience', AUTH_SETTINGS.audience.description))
  if (keys === undefined && typeof issuer === 'string' && keySetting(issuer).kind !== 'url') {
    faults.push(missing('keys', 'the issuer is not a web address, so no discovery document can name them'))
  }
  return faults
}

export function streamFaults({ streams }: Document): Fault[] {
  if (!Array.isArray(streams)) return []
  const paths: unknown[] = streams.map((stream: unknown) => Object(stream).path)
  return paths.flatMap((path, at) => {
    if (typeof path !== 'string' || paths.indexOf(path) === at) return []
    return [
      {
        place: ['streams', `${at}`, 'path'],
        kind: 'wrong',
        words: `is taken by another stream: ${quoted(path)}`,
      },
    ]
  })
}

/** A checked document as options: keys by the issuer's discovery document where none are named. */
export function resolveOptions(document: Document): ResolvedOptions {
  // Held against the schema, which fills in the defaults: what remains is to pick the options out of the document.
  const { kafka, auth, streams, sse } = document as unknown as ResolvedOptions
  const { issuer = '', audience = '', ...others } = auth
  const keys = auth.keys ?? (issuer === '' ? '' : discoveryDocument(issuer))
  return { kafka, auth: { ...others, issuer, audience, keys }, streams, sse }
}

/** OpenID Connect Discovery 1.0 section 4: a slash at the issuer's end goes first. */
function discoveryDocument(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}

function missing(name: keyof AuthOptions, words: string): Fault {
  return { place: ['auth', name], kind: 'missing', words: `is missing: ${words}` }
}
