// Where the router has found a request to be: a renewal must be at the same place.

import fc from 'fast-check'
import type { FastifyRequest } from 'fastify'
import { describe, expect, it } from 'vitest'
import { matchedPath } from '../../../routes/matched-path.ts'

const at = (params: unknown, path = '/a/:b/:c') => matchedPath({ path }, { params } as FastifyRequest)

describe('the place that a renewal must have the same', () => {
  it('is the route of the stream, with the parameters in the order of their names', () => {
    expect(at({})).toEqual({ route: '/a/:b/:c', params: '[]' })
    expect(at({ c: '2', b: '1' })).toEqual({ route: '/a/:b/:c', params: '[["b","1"],["c","2"]]' })
    expect(at({ b: '1', c: '2' })).toEqual(at({ c: '2', b: '1' }))
  })

  it('has no parameter that is empty or missing', () => {
    for (const params of [null, undefined, {}, { b: '' }, { b: undefined }])
      expect(at(params)).toEqual({ route: '/a/:b/:c', params: '[]' })
  })

  it('is the same only for the same route and parameters', () => {
    const params = fc.dictionary(
      fc.constantFrom('b', 'c', 'd', '*'),
      fc.string({ unit: 'grapheme', minLength: 1 }),
    )
    fc.assert(
      fc.property(params, params, (one, other) => {
        const isSame =
          JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(other).sort())
        expect(at(one).params === at(other).params).toBe(isSame)
      }),
    )
  })
})
