// Which peers are proxies that name the client.

import { describe, expect, it } from 'vitest'
import { proxyFault, trustedProxies } from '../../../src/limits/trusted-proxies.ts'

describe('proxies by address and network', () => {
  const isTrusted = trustedProxies(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1'])

  it.each([
    '10.0.0.1',
    '10.255.255.255',
    '::ffff:10.0.0.1',
    '10.0.0.1:4711',
    '192.0.2.7',
    '2001:db8:ffff::1',
    '[2001:db8::1]:4711',
    '::1',
    '0:0:0:0:0:0:0:1',
  ])('%s is one', (address) => {
    expect([0, 1, 30].map((hop) => isTrusted?.(address, hop))).toEqual([true, true, true])
  })

  it.each([
    '11.0.0.1',
    '192.0.2.8',
    '2001:db9::1',
    '::2',
    'unknown',
    '10.0.0',
    '10.0.0.1, 10.0.0.2',
    '',
    undefined,
  ])('%s is none', (address) => {
    expect(isTrusted?.(address, 0)).toBe(false)
  })
})

it('proxies by their number are those next to the server', () => {
  const isTrusted = trustedProxies(['2'])
  expect([0, 1, 2].map((hop) => isTrusted?.('192.0.2.1', hop))).toEqual([true, true, false])
})

it('without entries no peer is trusted', () => {
  expect(trustedProxies([])).toBeNull()
})

describe('what is wrong with an entry', () => {
  it.each([
    ['1'],
    ['20'],
    ['10.0.0.0/8'],
    ['10.0.0.1/32'],
    ['192.0.2.1'],
    ['::1'],
    ['2001:db8::/128'],
    ['::ffff:10.0.0.1'],
  ])('%s: nothing', (entry) => {
    expect(proxyFault(entry, [entry])).toBeNull()
    expect(trustedProxies([entry])).not.toBeNull()
  })

  it.each([
    ['0', 'is not a number of proxies from 1 to 20'],
    ['21', 'is not a number of proxies from 1 to 20'],
    ['10.0.0.0/33', 'has no number of bits from 1 to 32 behind its slash'],
    ['10.0.0.0/', 'has no number of bits from 1 to 32 behind its slash'],
    ['::/129', 'has no number of bits from 1 to 128 behind its slash'],
    ['10.0.0.0/0', 'is every address there is, so that any client could choose its own'],
    ['::/0', 'is every address there is, so that any client could choose its own'],
    ['10.0.0', 'is neither an address nor a network such as 10.0.0.0/8'],
    ['10.0.0.0/8/8', 'is neither an address nor a network such as 10.0.0.0/8'],
    ['010.0.0.1', 'is neither an address nor a network such as 10.0.0.0/8'],
  ])('%s %s', (entry, fault) => {
    expect(proxyFault(entry, [entry])).toBe(fault)
  })

  it('a number beside others', () => {
    expect(proxyFault('2', ['10.0.0.1', '2'])).toMatch(/^stands beside others/)
  })
})
