// The path that a renewal must match.

import { describe, expect, it } from 'vitest'
import { pathOf } from '../../../routes/events.ts'

describe('the path that a renewal must match', () => {
  it.each([
    ['/events', '/%65vents'],
    ['/events?access_token=a%2F', '/ev%65nts?x=/'],
    ['/events', '/events#x?y'],
    ['/events', '/events#%zz'],
    ['/events', '/events?x#/%'],
    ['/a$b', '/a%24b'],
    ['/ä', '/%C3%A4'],
    ['/a%2fb', '/a%2Fb'],
  ])('is one in %s and %s', (one, other) => {
    expect(pathOf(one)).toBe(pathOf(other))
  })

  it.each([
    ['/a/b', '/a%2Fb'],
    ['/a%2Fb', '/a%252Fb'],
    ['/%65', '/%2565'],
    ['/events', '/Events'],
  ])('is another one in %s than in %s', (one, other) => {
    expect(pathOf(one)).not.toBe(pathOf(other))
  })

  it('stays as it is if it cannot be decoded', () => {
    // A host's router may cut it off at a semicolon, and match what stands before.
    expect(pathOf('/events;%zz')).toBe('/events;%zz')
  })
})
