// Fixed names of the demo: the claims of its tokens, its files, its hosts. Issuer and audience are the tutorial's, so
// that its commands work here. No identity provider can have them, because example.com is reserved (RFC 2606).

import { DEFAULT_SCOPE } from '../token/session.ts'

export const DEMO_ISSUER = 'https://auth.example.com'
export const DEMO_AUDIENCE = 'https://api.example.com'
export const DEMO_KEY_ID = 'example'
export const DEMO_SUBJECT = 'example'
/** Granted by a demo token unless it names another; the demo's stream asks for it. */
export const DEMO_SCOPE = DEFAULT_SCOPE
/** The tutorial's value: short enough to see a challenge and an expiry. */
export const DEMO_TOKEN_SECONDS = 30

export const PRIVATE_KEY_FILE = 'private.pem'
export const CA_FILE = 'test-ca.crt'
export const CERTIFICATE_FILE = 'server.crt'
export const CERTIFICATE_KEY_FILE = 'server.key'
export const SECRET_KEY_FILE = 'secret.key'

/** Hosts that only this machine can reach. The demo's certificate always has these names. */
export const LOCAL_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '::1']
/** Listening addresses that mean every interface of this machine. No certificate can have them as a name. */
export const WILDCARD_HOSTS: readonly string[] = ['0.0.0.0', '::']

/** Whether a server that listens at `host` answers this machine's clients as `localhost`. */
export function answersAsLocalhost(host: string): boolean {
  return LOCAL_HOSTS.includes(host) || WILDCARD_HOSTS.includes(host)
}
