// Tells a port's guard that a connection has carried a valid token, so that the guard raises its limits. The auth
// plugin need not know whether there is a guard, and the guard need not know what a token is.

/** What carries a request: an HTTP/2 session, or HTTP/1.1's socket. */
export type Carrier = object

const waiting = new WeakMap<Carrier, () => void>()

/** Calls `onProof` once, when the carrier's first valid token comes. */
export function awaitProof(carrier: Carrier, onProof: () => void): void {
  waiting.set(carrier, onProof)
}

/** A request of Node's. Its common type is that of HTTP/1.1; HTTP/2's has its stream besides. */
interface CarriedRequest {
  readonly socket: Carrier
  readonly stream?: { readonly session?: Carrier }
}

/** HTTP/2's session or HTTP/1.1's socket. */
export function carrierOf({ socket, stream }: CarriedRequest): Carrier {
  return stream?.session ?? socket
}

export function prove(carrier: Carrier): void {
  const onProof = waiting.get(carrier)
  waiting.delete(carrier)
  onProof?.()
}
