// Which `Host` a request to the admin port may have. Refuses pages of other sites that point their own name at this
// address (DNS rebinding). The browser sends that name, and a page cannot change it.

import { isIP } from 'node:net'

/**
 * Whether the header `host` is an address or one of the names; `names` are in lower case. The port is ignored, because
 * it may be forwarded from another one. A request without a host (HTTP/1.0) is accepted: no browser sends one.
 */
export function isHostAccepted(host: string | undefined, names: ReadonlySet<string>): boolean {
  if (host === undefined || host === '') return true
  const name = hostName(host)
  return name !== null && (isIP(name) !== 0 || names.has(name))
}

/** Without the port, a final dot and the brackets of an IPv6 address, in lower case; null if it is no host. */
function hostName(host: string): string | null {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@\s]+))(?::\d*)?$/i.exec(host) ?? []
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? bracketed : null
  return plain?.toLowerCase().replace(/\.$/, '') ?? null
}

/** The names that a port answers to: `localhost`, the name that it listens on, and the configured ones. */
export function acceptedHostNames(listensAt: string, configured: readonly string[]): ReadonlySet<string> {
  return new Set(['localhost', listensAt, ...configured].map((name) => name.toLowerCase().replace(/\.$/, '')))
}
