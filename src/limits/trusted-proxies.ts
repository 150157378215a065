// Which peers are proxies that name the client in X-Forwarded-For: by address and network, or by their number.

import { BlockList, isIP } from 'node:net'
import { withoutPort } from './client-address.ts'

/**
 * Whether to believe what this address says of the one before it. `hop`: 0 for the peer of the connection, and one more
 * for each address further away.
 */
export type TrustedProxies = (address: string | undefined, hop: number) => boolean

/** More proxies in a row than this are a mistake. */
const HOPS_MAX = 20

/** What is wrong with an entry of the setting; null: nothing. A number of proxies has to be the only entry. */
export function proxyFault(entry: string, entries: readonly string[]): string | null {
  if (/^\d+$/.test(entry)) {
    if (entries.length > 1) return 'stands beside others: give a number of proxies alone, or their addresses'
    const hops = Number(entry)
    return hops >= 1 && hops <= HOPS_MAX ? null : `is not a number of proxies from 1 to ${HOPS_MAX}`
  }
  const [address = '', bits, ...more] = entry.split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0) return 'is neither an address nor a network such as 10.0.0.0/8'
  if (bits === undefined) return null
  const most = version === 4 ? 32 : 128
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > most)
    return `has no number of bits from 1 to ${most} behind its slash`
  return Number(bits) === 0 ? 'is every address there is, so that any client could choose its own' : null
}

/** null: no peer is trusted. The entries have no faults. */
export function trustedProxies(entries: readonly string[]): TrustedProxies | null {
  const [first] = entries
  if (first === undefined) return null
  if (/^\d+$/.test(first)) return (_address, hop) => hop < Number(first)
  const listed = new BlockList()
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/')
    const family = familyOf(address)
    if (bits === undefined) listed.addAddress(address, family)
    else listed.addSubnet(address, Number(bits), family)
  }
  return (given = '') => {
    const [address = ''] = withoutPort(given).split('%')
    return isIP(address) !== 0 && listed.check(address, familyOf(address))
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6'
}
