// `?since=`: as a setting of a stream and in a URL.

import fc from 'fast-check'
import fastify from 'fastify'
import { afterAll, describe, expect, it } from 'vitest'
import { parseSince } from '../../../routes/since.ts'

const NOON = '2026-11-25T12:00:00.000Z'

function iso(text: string): string | null {
  const ms = parseSince(text)
  return ms === null ? null : new Date(ms).toISOString()
}

describe('since', () => {
  it.each([
    ['0', 0],
    ['1764068400000', 1764068400000],
    ['-1', -1],
    ['-0', 0],
    ['007', 7],
    ['20261125', 20261125],
    ['8640000000000000', 8640000000000000],
    ['-8640000000000000', -8640000000000000],
  ])('reads %s as epoch milliseconds', (text, ms) => {
    expect(parseSince(text)).toBe(ms)
  })

  it.each([
    ['a date', '2026-11-25', '2026-11-25T00:00:00.000Z'],
    ['hours and minutes', '2026-11-25T12:00', NOON],
    ['seconds', '2026-11-25T12:00:00', NOON],
    ['Z', '2026-11-25T12:00:00Z', NOON],
    ['Z without seconds', '2026-11-25T12:00Z', NOON],
    ['lower case', '2026-11-25t12:00:00z', NOON],
    ['the basic form', '20261125T120000Z', NOON],
    ['the basic form without seconds or zone', '20261125T1200', NOON],
    ['an offset', '2026-11-25T13:00:00+01:00', NOON],
    ['an offset without a colon', '2026-11-25T13:00:00+0100', NOON],
    ['an offset of hours', '2026-11-25T13:00:00+01', NOON],
    ['an offset to the west', '2026-11-25T08:30:00-03:30', NOON],
    ['an offset in the basic form', '20261125T083000-0330', NOON],
    ['an offset that is unknown (RFC 3339, 4.3)', '2026-11-25T12:00:00-00:00', NOON],
    ['a + that became a space', '2026-11-25T13:00:00 01:00', NOON],
    ['a + that became a space, behind minutes', '2026-11-25T13:00 01', NOON],
    ['a fraction after a point', '2026-11-25T12:00:00.5Z', '2026-11-25T12:00:00.500Z'],
    ['a fraction after a comma', '2026-11-25T12:00:00,25', '2026-11-25T12:00:00.250Z'],
    ['nanoseconds, cut off', '2026-11-25T12:00:00.123999999Z', '2026-11-25T12:00:00.123Z'],
    ['a fraction and an offset', '20261125T130000.001+0100', '2026-11-25T12:00:00.001Z'],
    ['an offset across a day', '2026-11-25T00:30+01:00', '2026-11-24T23:30:00.000Z'],
    ['the end of a day', '2026-11-25T24:00:00', '2026-11-26T00:00:00.000Z'],
    ['a leap second', '2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z'],
    ['a leap second with an offset', '2017-01-01T00:59:60.5+01:00', '2017-01-01T00:00:00.500Z'],
    ['the 29th of February', '2028-02-29', '2028-02-29T00:00:00.000Z'],
    ['the year 0', '0000-01-01', '0000-01-01T00:00:00.000Z'],
    ['a year of six digits', '+012026-11-25', '+012026-11-25T00:00:00.000Z'],
    ['one whose + became a space', ' 012026-11-25', '+012026-11-25T00:00:00.000Z'],
    ['a year before 0', '-000001-12-31T23:59:59Z', '-000001-12-31T23:59:59.000Z'],
  ])('reads %s', (_, text, moment) => {
    expect(iso(text)).toBe(moment)
  })

  it.each([
    ['nothing', ''],
    ['a space', ' '],
    ['a minus', '-'],
    ['words', 'yesterday'],
    ['a fraction of a millisecond', '1764068400000.5'],
    ['a power', '1e12'],
    ['hexadecimals', '0x10'],
    ['a plus before milliseconds', '+1764068400000'],
    ['digits of another script', '١٧٦٤'],
    ['one millisecond after the last', '8640000000000001'],
    ['one millisecond before the first', '-8640000000000001'],
    ['a moment after the last', '+275760-09-13T00:00:00.001Z'],
    ['one that its offset moves before the first', '-271821-04-20T00:00:00+00:01'],
    ['the 30th of February', '2026-02-30'],
    ['the 29th of February of another year', '2027-02-29'],
    ['the 31st of April', '2026-04-31T00:00:00Z'],
    ['the day 0', '2026-11-00'],
    ['the day 32', '2026-12-32'],
    ['the month 0', '2026-00-10'],
    ['the month 13', '2026-13-10'],
    ['the hour 25', '2026-11-25T25:00'],
    ['a moment after 24:00', '2026-11-25T24:00:01'],
    ['the minute 60', '2026-11-25T12:60'],
    ['the second 61', '2026-11-25T23:59:61Z'],
    ['a leap second in the middle of a day', '2026-11-25T12:00:60Z'],
    ['a leap second at the end of a day elsewhere', '2026-11-25T23:59:60+01:00'],
    ['an offset of 24 hours', '2026-11-25T12:00:00+24:00'],
    ['an offset of 60 minutes', '2026-11-25T12:00:00+01:60'],
    ['an offset of a date', '2026-11-25+01:00'],
    ['a space between date and time', '2026-11-25 12:00:00'],
    ['a date and no time', '2026-11-25T'],
    ['two times', '2026-11-25T12:00T12:00'],
    ['hours alone', '2026-11-25T12'],
    ['a month', '2026-11'],
    ['a week', '2026-W48-3'],
    ['a day of the year', '2026-329T00:00'],
    ['a basic date with half of its dashes', '2026-1125T12:00'],
    ['a basic time with half of its colons', '2026-11-25T12:0000'],
    ['a fraction without digits', '2026-11-25T12:00:00.'],
    ['a fraction of a minute', '2026-11-25T12:00.5'],
    ['a year of five digits', '12026-11-25'],
    ['a year 0 with a minus', '-000000-01-01'],
    ['a space before', ' 2026-11-25'],
    ['a line end behind', '2026-11-25\n'],
    ['the form of HTTP', 'Wed, 25 Nov 2026 12:00:00 GMT'],
    ['another zone', '2026-11-25T12:00:00 CET'],
    ['65 characters', `2026-11-25T12:00:00.${'0'.repeat(45)}`],
    ['a megabyte of digits', '1'.repeat(2 ** 20)],
  ])('refuses %s', (_, text) => {
    expect(parseSince(text)).toBeNull()
  })

  it('reads every Date as it is written, and as its milliseconds', () => {
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true }), (date) => {
        expect(parseSince(date.toISOString())).toBe(date.getTime())
        expect(parseSince(date.toISOString().replace('+', ' ').toLowerCase())).toBe(date.getTime())
        expect(parseSince(String(date.getTime()))).toBe(date.getTime())
      }),
      { numRuns: 2000 },
    )
  })

  it('reads the same moment in every zone', () => {
    const dates = fc.date({ min: new Date('0001-01-02'), max: new Date('9999-12-30'), noInvalidDate: true })
    fc.assert(
      fc.property(dates, fc.integer({ min: -1439, max: 1439 }), (date, offsetMinutes) => {
        const local = new Date(date.getTime() + offsetMinutes * 60_000).toISOString().slice(0, -1)
        const [hours, minutes] = [Math.trunc(offsetMinutes / 60), offsetMinutes % 60].map((part) =>
          String(Math.abs(part)).padStart(2, '0'),
        )
        const zone = `${offsetMinutes < 0 ? '-' : '+'}${hours}:${minutes}`
        expect(parseSince(local + zone)).toBe(date.getTime())
        expect(parseSince(`${local}${zone}`.replace('+', ' '))).toBe(date.getTime())
        expect(parseSince(`${local.replaceAll(/[-:]/g, '')}${zone.replace(':', '')}`)).toBe(date.getTime())
      }),
      { numRuns: 2000 },
    )
  })

  it('takes no day, hour, minute, second or offset that a clock does not show', () => {
    const two = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0'))
    const taken = (text: (part: string) => string) => two.filter((part) => parseSince(text(part)) !== null)
    expect(taken((month) => `2026-${month}-01`)).toEqual(two.slice(1, 13))
    expect(taken((day) => `2026-01-${day}`)).toEqual(two.slice(1, 32))
    expect(taken((day) => `2026-06-${day}T00:00`)).toEqual(two.slice(1, 31))
    expect(taken((hour) => `2026-01-01T${hour}:00`)).toEqual(two.slice(0, 25))
    expect(taken((minute) => `2026-01-01T00:${minute}`)).toEqual(two.slice(0, 60))
    expect(taken((second) => `2026-01-01T00:00:${second}`)).toEqual(two.slice(0, 60))
    expect(taken((second) => `2026-01-01T23:59:${second}`)).toEqual(two.slice(0, 61))
    expect(taken((hours) => `2026-01-01T00:00+${hours}`)).toEqual(two.slice(0, 24))
    expect(taken((minutes) => `2026-01-01T00:00-00:${minutes}`)).toEqual(two.slice(0, 60))
  })

  it('answers any text, with a whole number of milliseconds or null', () => {
    const near = fc
      .tuple(fc.date({ noInvalidDate: true }), fc.nat(30), fc.string({ maxLength: 3 }))
      .map(([date, at, part]) => date.toISOString().slice(0, at) + part + date.toISOString().slice(at))
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), near), (text) => {
        const ms = parseSince(text)
        expect(ms === null || (Number.isInteger(ms) && !Object.is(ms, -0))).toBe(true)
        if (ms !== null) expect(parseSince(String(ms))).toBe(ms)
      }),
      { numRuns: 5000 },
    )
  })
})

describe('since in a URL', () => {
  const app = fastify()
  app.get('/', (request, reply) => reply.send({ ms: parseSince((request.query as { since: string }).since) }))
  afterAll(() => app.close())

  it.each([
    ['as it stands', '2026-11-25T13:00:00+01:00'],
    ['with its + encoded', '2026-11-25T13:00:00%2B01:00'],
    ['encoded', encodeURIComponent('2026-11-25T13:00:00+01:00')],
    ['by URLSearchParams', String(new URLSearchParams({ since: '2026-11-25T13:00:00+01:00' })).slice(6)],
    ['in epoch milliseconds', String(Date.parse(NOON))],
  ])('is read %s', async (_, text) => {
    expect((await app.inject(`/?since=${text}`)).json()).toEqual({ ms: Date.parse(NOON) })
  })
})
