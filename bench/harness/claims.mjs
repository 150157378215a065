// What the tokens of the bench say, and what the peers that verify them must therefore ask for.

export const ISSUER = 'https://bench.invalid'
export const AUDIENCE = 'bench'
export const SCOPE = 'proxy:stream'
