// The address that a request counts for. Promise: it is always a real address, and never a part that its holder can
// vary at will, so that each client has one, however it writes it.

import { isIP, isIPv6 } from 'node:net'

/** What a request's address is read from. Fastify's requests have it. */
interface Addressed {
  /** The client as far as the app trusts its proxies. A trusted proxy may write any text. */
  readonly ip: string | undefined
  readonly socket: { readonly remoteAddress?: string | undefined } | null
}

/** If a proxy names no address (`unknown`, RFC 7239 section 6.2), that of the proxy counts. */
export function clientAddress({ ip = '', socket }: Addressed): string {
  const address = withoutPort(ip)
  return addressPrefix(isIP(address) === 0 ? (socket?.remoteAddress ?? '') : address)
}

/** Some proxies write the client's port, too: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
export function withoutPort(text: string): string {
  return /^([\d.]+):\d+$/.exec(text)?.[1] ?? /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? text
}

/** The part of an address that its peer cannot vary: all of IPv4, also mapped into IPv6; the first 64 bits of IPv6. */
export function addressPrefix(address: string): string {
  if (!isIPv6(address)) return address
  const [bare = ''] = address.toLowerCase().split('%')
  const mapped = /^(?:::|(?:0+:){5})ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare)?.[1]
  return mapped ?? groupsOf(bare).slice(0, 4).join(':')
}

/** All eight groups, without leading zeros (RFC 4291 section 2.2). */
function groupsOf(address: string): string[] {
  const [head = '', tail] = address.split('::')
  const groups = (part: string) =>
    part
      .split(':')
      .filter((group) => group !== '')
      // An IPv4 address at the end stands for two groups. Their values do not matter for the first four.
      .flatMap((group) => (group.includes('.') ? ['0', '0'] : [Number.parseInt(group, 16).toString(16)]))
  const [before, after] = [groups(head), groups(tail ?? '')]
  return [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after]
}
