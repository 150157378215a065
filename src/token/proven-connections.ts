// Connections on which a token was good: the guard of a port gives them more room. Who authenticates says so, without knowing
// whether there is a guard; a guard is told, without knowing what a token is.

/** What a request came on: an HTTP/2 session, or the socket of HTTP/1.1. */
export type Carrier = object

const waiting = new WeakMap<Carrier, () => void>()

/** `proven` is called once, with the first token that is good. */
export function awaitProof(carrier: Carrier, proven: () => void): void {
  waiting.set(carrier, proven)
}

export function prove(carrier: Carrier): void {
  const proven = waiting.get(carrier)
  waiting.delete(carrier)
  proven?.()
}
