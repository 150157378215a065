// undici's fetch for npm `eventsource` 4: trusts one authority, and keeps the headers of the requests that it made.

import { Agent, fetch } from 'undici'

export interface ClientRequest {
  readonly headers: Record<string, string>
}

export function fetchByAuthority(ca: string) {
  const dispatcher = new Agent({ connect: { ca } })
  const requests: Record<string, string>[] = []
  return {
    requests,
    fetch: (url: string | URL, init: ClientRequest) => {
      requests.push(init.headers)
      return fetch(url, { ...init, dispatcher })
    },
  }
}
