// Which `Host` a request may carry where only operators are meant to ask. A page of another site that points its own name at
// this address (DNS rebinding) is kept out: its browser sends that name, and no page can make it send another.

import { isIP } from 'node:net'

/**
 * Whether `host`, as the header has it, is an address or one of the names; `names` are in lower case. The port is not looked
 * at: it may be forwarded from another one. A request without a host (HTTP/1.0) comes from no browser.
 */
export function isHostMeant(host: string | undefined, names: ReadonlySet<string>): boolean {
  if (host === undefined || host === '') return true
  const name = hostName(host)
  return name !== null && (isIP(name) !== 0 || names.has(name))
}

/** Without the port, a final dot and the brackets of an IPv6 address, in lower case; null where it is no host at all. */
function hostName(host: string): string | null {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@\s]+))(?::\d*)?$/i.exec(host) ?? []
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? bracketed : null
  return plain?.toLowerCase().replace(/\.$/, '') ?? null
}

/** What a port answers to besides addresses: `localhost`, the name that it listens at, and those that are configured. */
export function meantNames(listensAt: string, configured: readonly string[]): ReadonlySet<string> {
  return new Set(['localhost', listensAt, ...configured].map((name) => name.toLowerCase().replace(/\.$/, '')))
}
