// The address that a request counts for.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressPrefix, clientAddress } from '../../../src/limits/client-address.ts'

describe('what of an address counts', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:DB8:0001:2::7', '2001:db8:1:2'],
    ['2001:db8::7', '2001:db8:0:0'],
    ['2001:db8:1:2::', '2001:db8:1:2'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0'],
    ['2001:db8:1:2:3:4:192.0.2.1', '2001:db8:1:2'],
  ])('%s: %s', (address, prefix) => {
    expect(addressPrefix(address)).toBe(prefix)
  })

  it('is the same for every address of a /64, and another for another', () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((number) => number.toString(16))
    const half = fc.tuple(group, group, group, group).map((groups) => groups.join(':'))
    fc.assert(
      fc.property(half, half, half, half, (network, other, one, two) => {
        expect(addressPrefix(`${network}:${one}`)).toBe(addressPrefix(`${network}:${two}`))
        if (network !== other)
          expect(addressPrefix(`${other}:${one}`)).not.toBe(addressPrefix(`${network}:${one}`))
      }),
    )
  })
})

describe('the address of a request', () => {
  const at = (ip: string | undefined, remoteAddress = '10.0.0.9') =>
    clientAddress({ ip, socket: { remoteAddress } })

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2::7', '2001:db8:1:2'],
    ['[2001:db8:1:2::7]:4711', '2001:db8:1:2'],
    ['[2001:db8:1:2::7]', '2001:db8:1:2'],
  ])('%s counts as %s', (ip, counted) => {
    expect(at(ip)).toBe(counted)
  })

  it.each(['unknown', '_hidden', '', '192.0.2.1, 192.0.2.2', '256.0.0.1', '[::1', 'x'.repeat(60_000)])(
    'what a proxy writes instead of one counts for the proxy: %#',
    (ip) => {
      expect(at(ip)).toBe('10.0.0.9')
    },
  )

  it('is none where the client has left', () => {
    expect(at(undefined)).toBe('10.0.0.9')
    expect(clientAddress({ ip: undefined, socket: null })).toBe('')
    expect(clientAddress({ ip: undefined, socket: {} })).toBe('')
  })
})
