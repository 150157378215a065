// Which records a request gets: what the options grant to it, and what it chooses of that.

import { describe, expect, it } from 'vitest'
import {
  CHOSEN_VALUES_MAX,
  type Refusal,
  type Selection,
  type SelectionOptions,
  SelectionPlan,
  selectionText,
} from '../../../src/selection/selection.ts'

type Query = Record<string, string | string[]>
type Values = { params?: Record<string, string>; claims?: Record<string, unknown>; query?: Query }

function resolve(options: SelectionOptions, { params = {}, claims = {}, query = {} }: Values = {}) {
  return new SelectionPlan(options).resolve({ params, claims }, query)
}

/** The conditions as plain text. */
function conditions(selection: Selection | Refusal): unknown {
  if ('refused' in selection) return selection.refused
  return selection.conditions.map(({ selector, values }) => [
    selector.name,
    ...[...values].map((value) => Buffer.from(value, 'latin1').toString()),
  ])
}

const ORDERS: SelectionOptions = {
  key: '{params.customer}',
  where: { 'params.customer': '{token.customers}' },
}

describe('a stream without conditions', () => {
  it('gets every record, for any token and any other query', () => {
    expect(conditions(resolve({}, { query: { keys: 'a', since: '1' } }))).toEqual([])
  })
})

describe('what options grant', () => {
  it('is by key, header and field, all of which must match', () => {
    const options = {
      key: '{token.sub}',
      headers: { user: 'u-{token.sub}' },
      fields: { '/org': '{token.org.id}' },
    }
    expect(conditions(resolve(options, { claims: { sub: 'é', org: { id: 7 } } }))).toEqual([
      ['key', 'é'],
      ['headers.user', 'u-é'],
      ['fields./org', '7'],
    ])
  })

  it('is nothing where a template stands for nothing', () => {
    expect(resolve({ key: '{token.customers}' }, { claims: { customers: [] } })).toEqual({
      refused: 'empty',
      option: 'key',
    })
    expect(resolve({ fields: { '/org': '{token.org}' } })).toEqual({
      refused: 'empty',
      option: 'fields./org',
    })
  })

  it('is what the path says, if the token lists it', () => {
    const claims = { customers: ['1', 2] }
    const option = 'where.params.customer'
    expect(conditions(resolve(ORDERS, { params: { customer: '2' }, claims }))).toEqual([['key', '2']])
    expect(resolve(ORDERS, { params: { customer: '3' }, claims })).toEqual({ refused: 'not-allowed', option })
    expect(resolve(ORDERS, { params: { customer: '2' } })).toEqual({ refused: 'empty', option })
  })

  it('is the same for a token that lists the same in another order, and another for any other', () => {
    const granted = (...customers: string[]) => {
      const selection = resolve({ key: '{token.customers}' }, { claims: { customers } })
      return 'granted' in selection ? selection.granted : null
    }
    expect(granted('a', 'b')).toBe(granted('b', 'a', 'a'))
    expect(granted('a', 'b')).not.toBe(granted('a,b'))
    expect(granted('a')).not.toBe(granted('a', 'b'))
  })
})

describe('what a client chooses', () => {
  const BOARD: SelectionOptions = { select: ['key', 'headers.region'] }

  it('narrows a stream of everything', () => {
    const query = { key: ['EURUSD', 'USDJPY', 'EURUSD'], 'headers.region': 'eu', other: 'x' }
    expect(conditions(resolve(BOARD, { query }))).toEqual([
      ['key', 'EURUSD', 'USDJPY'],
      ['headers.region', 'eu'],
    ])
  })

  it('narrows what is granted, and never widens it', () => {
    const options = { key: '{token.customers}', select: ['key'] }
    const claims = { customers: ['a', 'b'] }
    expect(conditions(resolve(options, { claims }))).toEqual([['key', 'a', 'b']])
    expect(conditions(resolve(options, { claims, query: { key: 'b' } }))).toEqual([['key', 'b']])
    expect(resolve(options, { claims, query: { key: ['b', 'c'] } })).toMatchObject({ refused: 'choice' })
  })

  it('is not part of what a renewal must be granted', () => {
    const options = { headers: { user: '{token.sub}' }, select: ['key'] }
    const granted = (query: Query) => resolve(options, { claims: { sub: 'a' }, query })
    expect(granted({ key: 'x' })).toHaveProperty('granted')
    expect('granted' in granted({}) && granted({})).toMatchObject({
      granted: (granted({ key: 'x' }) as Selection).granted,
    })
  })

  it.each([
    ['empty', { key: '' }],
    ['empty among others', { key: ['a', ''] }],
    ['101 values', { key: Array.from({ length: CHOSEN_VALUES_MAX + 1 }, (_, at) => `${at}`) }],
    [
      '101 values of two selectors',
      { key: Array.from({ length: CHOSEN_VALUES_MAX }, (_, at) => `${at}`), 'headers.region': 'eu' },
    ],
  ])('is refused where it is %s', (_, query) => {
    expect(resolve(BOARD, { query })).toMatchObject({ refused: 'choice' })
  })

  it('may be 100 values, each counted once', () => {
    const key = Array.from({ length: 2 * CHOSEN_VALUES_MAX }, (_, at) => `${at % CHOSEN_VALUES_MAX}`)
    expect(resolve(BOARD, { query: { key } })).toHaveProperty('conditions')
  })

  it.each(['key', 'headers.region', 'fields./a'])('is refused where %s cannot be chosen', (name) => {
    expect(resolve({}, { query: { [name]: 'b' } })).toMatchObject({ refused: 'choice' })
    const options = { key: '{token.sub}' }
    expect(resolve(options, { claims: { sub: 'a' }, query: { [name]: 'a' } })).toMatchObject({
      refused: 'choice',
    })
  })
})

describe('options', () => {
  it.each([
    { key: '{token}' },
    { headers: { a: '{params.}' } },
    { fields: { a: 'x' } },
    { fields: { '': 'x' } },
    { where: { customer: 'x' } },
    { where: { 'token.sub': 'x' } },
    { select: ['value'] },
  ] as SelectionOptions[])('%j are refused', (options) => {
    expect(() => new SelectionPlan(options)).toThrow(SyntaxError)
  })

  it('tell their selectors, their parameters and whether they are private', () => {
    const plan = new SelectionPlan({
      ...ORDERS,
      headers: { a: '{params.region}' },
      select: ['key', 'fields./x'],
    })
    expect(plan.selectors.map(({ name }) => name)).toEqual(['key', 'headers.a', 'fields./x'])
    expect(new Set(plan.params)).toEqual(new Set(['customer', 'region']))
    expect(plan.isPrivate).toBe(true)
    expect(new SelectionPlan({ key: '{params.a}', select: ['key'] }).isPrivate).toBe(false)
  })
})

describe('the text of a selection', () => {
  const textOf = (options: SelectionOptions, values: Values = {}) => {
    const selection = resolve(options, values)
    return 'refused' in selection ? selection.refused : selectionText(selection.conditions)
  }
  const LISTED = { key: '{token.keys}', headers: { a: 'x', b: 'y' } }

  it('is the same in any order of conditions, values and choices', () => {
    const claims = { keys: ['k', 'l'] }
    const text = textOf(LISTED, { claims })
    expect(textOf({ headers: { b: 'y', a: 'x' }, key: '{token.keys}' }, { claims })).toBe(text)
    expect(textOf(LISTED, { claims: { keys: ['l', 'k', 'l'] } })).toBe(text)
    const chosen = { ...LISTED, select: ['key'] }
    expect(textOf(chosen, { claims, query: { key: ['l', 'k'] } })).toBe(text)
  })

  it('is another one for other values, names or choices, and for none', () => {
    const texts = [
      textOf(LISTED, { claims: { keys: ['k', 'l'] } }),
      textOf({ ...LISTED, select: ['key'] }, { claims: { keys: ['k', 'l'] }, query: { key: 'k' } }),
      textOf(LISTED, { claims: { keys: ['k","l'] } }),
      textOf({ ...LISTED, headers: { a: 'y', b: 'x' } }, { claims: { keys: ['k', 'l'] } }),
      textOf({ headers: { a: 'x', b: 'y' } }),
      textOf({ headers: { a: 'x', 'b"],["headers.c': 'y' } }),
      textOf({}),
    ]
    expect(new Set(texts).size).toBe(texts.length)
    expect(textOf({})).toBe('')
  })
})
