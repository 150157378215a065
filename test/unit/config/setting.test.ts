// A part that is registered by itself has the schema's defaults, and no others.

import { expect, test } from 'vitest'
import { AUTH_SETTINGS } from '../../../src/config/auth-settings.ts'
import { KAFKA_SETTINGS } from '../../../src/config/kafka-settings.ts'
import { numbersInRange, withDefaults } from '../../../src/config/setting.ts'
import type { AuthOptions, KafkaOptions } from '../../../src/options.ts'

const AUTH: AuthOptions = { issuer: 'i', audience: 'a', keys: 'k' }

test('what the options leave out is as the schema says, and what they name stays', () => {
  const names = ['algorithm', 'queryToken', 'cookie', 'scopeClaim'] as const
  expect(withDefaults(AUTH, AUTH_SETTINGS, names)).toEqual({
    ...AUTH,
    algorithm: AUTH_SETTINGS.algorithm.default,
    queryToken: AUTH_SETTINGS.queryToken.default,
    cookie: null,
    scopeClaim: AUTH_SETTINGS.scopeClaim.default,
  })
  const named = { ...AUTH, algorithm: 'PS256', queryToken: false, cookie: 'token', scopeClaim: 'scp' }
  expect(withDefaults(named, AUTH_SETTINGS, names)).toEqual(named)
})

test('a bound that is undefined is the default, and null is no bound', () => {
  const kafka: KafkaOptions = { bootstrapServers: 'k:9092', retainedSecondsMax: null }
  const given: KafkaOptions = Object.assign({}, kafka, { retainedBytesMax: undefined }) // as JavaScript may
  expect(withDefaults(given, KAFKA_SETTINGS, ['retainedBytesMax', 'retainedSecondsMax'])).toMatchObject({
    retainedBytesMax: KAFKA_SETTINGS.retainedBytesMax.default,
    retainedSecondsMax: null,
  })
})

test('a default that the schema lacks is nowhere made up', () => {
  expect(() => withDefaults(AUTH, AUTH_SETTINGS, ['issuer'])).toThrow('the schema has no default of issuer')
})

test('a number of a part is within the schema’s range, or the option is named', () => {
  const names = ['jwksTimeoutMs', 'jwksStaleMs'] as const
  expect(numbersInRange('auth', { jwksTimeoutMs: 10 }, AUTH_SETTINGS, names)).toEqual({
    jwksTimeoutMs: 10,
    jwksStaleMs: AUTH_SETTINGS.jwksStaleMs.default,
  })
  for (const jwksTimeoutMs of [9, 60_001, Number.NaN])
    expect(() => numbersInRange('auth', { jwksTimeoutMs }, AUTH_SETTINGS, names)).toThrow(
      new RangeError('auth.jwksTimeoutMs must be a number from 10 to 60000'),
    )
})
