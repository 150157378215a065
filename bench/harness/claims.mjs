// The claims of the bench's tokens, which peers that verify tokens must require.

export const ISSUER = 'https://bench.invalid'
export const AUDIENCE = 'bench'
export const SCOPE = 'proxy:stream'
