// Who the demo's tokens come from and whom they are for: the tutorial's own values, so that its commands work here.
// example.com belongs to nobody (RFC 2606), and so no identity provider is taken for the demo or the other way round.

export const DEMO_ISSUER = 'https://auth.example.com'
export const DEMO_AUDIENCE = 'https://api.example.com'
export const DEMO_KEY_ID = 'example'
export const DEMO_SUBJECT = 'example'
export const DEMO_SCOPE = 'proxy:stream'
/** As long as the tutorial's: short enough to see a challenge and an expiry. */
export const DEMO_TOKEN_SECONDS = 30

export const PRIVATE_KEY_FILE = 'private.pem'
export const CA_FILE = 'test-ca.crt'
export const CERTIFICATE_FILE = 'server.crt'
export const CERTIFICATE_KEY_FILE = 'server.key'
