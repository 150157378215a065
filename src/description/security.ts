// How a request shows who asks, in the words of OpenAPI 3.1. Those of AsyncAPI 3 differ by one type alone.

import type { Credentials } from './described-stream.ts'

interface BearerScheme {
  readonly type: 'http'
  readonly scheme: 'bearer'
  readonly bearerFormat: 'JWT'
}

interface KeyScheme {
  readonly type: 'apiKey'
  readonly in: 'query' | 'cookie'
  readonly name: string
  readonly description: string
}

type SecurityScheme = BearerScheme | KeyScheme

/** By name. Empty where the application authenticates in a way of its own, but for tickets. */
export function securitySchemes(credentials: Credentials): Readonly<Record<string, SecurityScheme>> {
  const { isHosts, tickets } = credentials
  return {
    ...(!isHosts && tokenSchemes(credentials)),
    ...(tickets && { ticket: key('query', 'ticket', 'A ticket, which opens the stream once') }),
  }
}

function tokenSchemes({ queryToken, cookie }: Credentials): Readonly<Record<string, SecurityScheme>> {
  const bearer: BearerScheme = { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }
  return {
    bearer,
    ...(queryToken && { queryToken: key('query', 'access_token', 'The token, where no header can be sent') }),
    ...(cookie !== null && { cookie: key('cookie', cookie, 'The token') }),
  }
}

function key(place: KeyScheme['in'], name: string, description: string): KeyScheme {
  return { type: 'apiKey', in: place, name, description }
}
