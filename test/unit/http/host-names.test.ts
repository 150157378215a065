// The host that a request names.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { acceptedHostNames, isHostAccepted } from '../../../src/http/host-names.ts'

const names = acceptedHostNames('admin.internal', ['Metrics.Example.com.'])

describe('the host of a request', () => {
  it.each([
    undefined,
    '',
    'localhost',
    'LocalHost:9464',
    'localhost.:1',
    'admin.internal:9464',
    'metrics.example.com',
    'METRICS.example.com.:80',
    '127.0.0.1',
    '10.1.2.3:9464',
    '[::1]',
    '[::1]:9464',
    '[2001:db8::7]:9464',
    '[::ffff:10.0.0.1]',
  ])('is meant where it is %j', (host) => {
    expect(isHostAccepted(host, names)).toBe(true)
  })

  it.each([
    'evil.example',
    'evil.example:9464',
    'localhost.evil.example',
    'evil.example#localhost',
    'localhost@evil.example',
    'evil.example, localhost',
    '127.0.0.1.evil.example',
    '127.1',
    '0x7f000001',
    '2130706433',
    '[evil.example]',
    '[::1',
    '::1',
    'localhost:9464:80',
    'metrics.example.com.evil.example',
    ' ',
    ':9464',
  ])('is not where it is %j', (host) => {
    expect(isHostAccepted(host, names)).toBe(false)
  })

  it('may be any address, and only a name that is listed', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.ipV4(),
          fc.ipV6().map((address) => `[${address}]`),
        ),
        fc.nat(65_535),
        (address, port) => {
          expect(isHostAccepted(`${address}:${port}`, names)).toBe(true)
        },
      ),
    )
    fc.assert(
      fc.property(fc.domain(), (name) => {
        expect(isHostAccepted(name, names)).toBe(names.has(name))
      }),
    )
  })
})
