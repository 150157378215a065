// What is described of each method: every code of src/errors.ts is somewhere, and nothing that a request cannot get.

import { describe, expect, test } from 'vitest'
import { validateOptions } from '../../../src/config/parse.ts'
import type { DescribedStream } from '../../../src/description/described-stream.ts'
import { describedStream } from '../../../src/description/described-stream.ts'
import { logoutOperation } from '../../../src/description/identity-operations.ts'
import {
  optionsOperation,
  renewalOperation,
  streamOperation,
  ticketOperation,
} from '../../../src/description/operations.ts'
import type { OperationSchema } from '../../../src/description/schema.ts'
import * as errors from '../../../src/errors.ts'
import type { StreamOptions } from '../../../src/options.ts'

function described(
  stream: Partial<StreamOptions> = {},
  auth: object = {},
  sse: object = {},
): DescribedStream {
  const options = validateOptions({
    kafka: { bootstrapServers: 'kafka:9092' },
    auth: { issuer: 'https://id.acme.test', audience: 'api', ...auth },
    streams: [{ path: '/events', topic: 'events', ...stream }],
    sse,
  })
  const [first] = options.streams
  if (first === undefined) throw new Error('there is a stream')
  return describedStream(first, options, '/live')
}

const authenticate = { issuer: undefined, audience: undefined, authenticate: () => null }

/** Codes by status. */
function codesOf({ response }: OperationSchema): Record<string, readonly unknown[]> {
  const entries = Object.entries(response).map(([status, { content }]) => {
    const schema = content?.['application/json']?.schema
    return [status, schema?.properties?.code?.enum ?? []]
  })
  return Object.fromEntries(entries.filter(([, codes = []]) => codes.length > 0))
}

describe('the answers', () => {
  test('have every code that these routes answer, once in its status', () => {
    const all = [described({}, { cookie: '__Host-t' }, { tickets: true }), described({}, authenticate)]
    const told = all
      .flatMap((stream) => [streamOperation(stream), renewalOperation(stream), ticketOperation(stream)])
      .concat(logoutOperation())
      .flatMap((operation) => Object.values(codesOf(operation)))
    const elsewhere = ['FKS_NOT_FOUND', 'FKS_METHOD_NOT_ALLOWED', 'FKS_HOST_UNKNOWN']
    const known = Object.values(errors).flatMap((Class) => {
      const error: unknown =
        typeof Class === 'function' && 'prototype' in Class ? Reflect.construct(Class, []) : null
      const { code = '', statusCode } = Object(error)
      return String(code).startsWith('FKS_') && statusCode !== 499 ? [code] : []
    })
    expect(known.length).toBeGreaterThan(25)
    expect([...new Set(told.flat()), ...elsewhere].sort()).toEqual([...known].sort())
    for (const codes of told) expect(new Set(codes).size).toBe(codes.length)
  })

  test('of tokens, of a host’s own authentication, of cookies and of tickets are told where there are such', () => {
    expect(codesOf(streamOperation(described()))[401]).toEqual(['FKS_TOKEN_MISSING', 'FKS_TOKEN_INVALID'])
    expect(codesOf(streamOperation(described({}, {}, { tickets: true })))[401]).toContain(
      'FKS_TICKET_INVALID',
    )
    expect(codesOf(renewalOperation(described({}, {}, { tickets: true })))[401]).not.toContain(
      'FKS_TICKET_INVALID',
    )
    const ofHost = codesOf(streamOperation(described({}, authenticate)))
    expect([ofHost[401], ofHost[500]]).toEqual([['FKS_NOT_AUTHENTICATED'], ['FKS_SESSION_INVALID']])
    expect(codesOf(streamOperation(described()))[403]).not.toContain('FKS_ORIGIN_REFUSED')
    expect(codesOf(streamOperation(described({}, { cookie: '__Host-t' })))[403]).toContain(
      'FKS_ORIGIN_REFUSED',
    )
  })

  test('that are no errors have no body, but the stream and the ticket', () => {
    const { response } = streamOperation(described())
    expect(Object.keys(response[200]?.content ?? {})).toEqual(['text/event-stream'])
    expect(renewalOperation(described()).response[204]).toMatchObject({ type: 'null' })
    expect(optionsOperation(described()).response[204]).toMatchObject({ type: 'null' })
  })
})

describe('the parameters', () => {
  test('are those of the path with its prefix, and what a client may choose by', () => {
    const stream = described({
      path: '/orders/:customer',
      key: '{params.customer}',
      where: { 'params.customer': '{token.customers}' },
      select: ['headers.region'],
    })
    const { params, querystring, headers } = streamOperation(stream)
    expect(stream.path).toBe('/live/orders/:customer')
    expect(Object.keys(params?.properties ?? {})).toEqual(['customer'])
    expect(Object.keys(querystring?.properties ?? {})).toContain('headers.region')
    expect(Object.keys(headers?.properties ?? {})).toEqual(['last-event-id'])
  })

  test('have no topic, no template and no claim of the options', () => {
    const stream = described({
      path: '/topics/:topic',
      topic: '{params.topic}',
      topics: ['hidden-topic'],
      headers: { 'hidden-header': '{token.hidden_claim}' },
    })
    const all = [streamOperation, renewalOperation, ticketOperation, optionsOperation].map((make) =>
      make(stream),
    )
    expect(JSON.stringify([stream, all])).not.toContain('hidden')
  })

  test('are made for each route, because readers change them', () => {
    const stream = described()
    const [one, other] = [streamOperation(stream), streamOperation(stream)]
    expect(one).toEqual(other)
    expect(one.querystring).not.toBe(other.querystring)
    expect(one.response[401]).not.toBe(other.response[401])
  })
})
