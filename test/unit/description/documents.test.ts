// OpenAPI and AsyncAPI of every kind of stream are valid by the schemas of those who specify them.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bracedPath } from '../../../src/config/streams/path-parameters.ts'
import { asyncApiDocument } from '../../../src/description/asyncapi.ts'
import type { DescribedStream } from '../../../src/description/described-stream.ts'
import { openApiDocument } from '../../../src/description/openapi.ts'
import { asyncApiFaults, openApiFaults } from '../../support/document-faults.ts'

const STREAM: DescribedStream = {
  path: '/live/events',
  parameters: [],
  topicParameter: null,
  scope: 'proxy:stream',
  encoding: 'text',
  replay: 'latest',
  select: [],
  credentials: { isHosts: false, queryToken: true, cookie: null, tickets: false },
}

const streams = fc.record<DescribedStream>({
  path: fc.constantFrom('/orders/:customer', '/:topic', '/a/:one-:topic', '/a/:topic(\\d+)', '/b/::c/:topic'),
  parameters: fc.constant([]),
  topicParameter: fc.constantFrom(null, 'topic'),
  scope: fc.constantFrom(null, 'proxy:stream'),
  encoding: fc.constantFrom('text', 'base64', 'envelope'),
  replay: fc.constantFrom('latest', 'all', 'none'),
  select: fc.subarray(['key', 'headers.region', 'fields./a/b']),
  credentials: fc.record({
    isHosts: fc.boolean(),
    queryToken: fc.boolean(),
    cookie: fc.constantFrom(null, '__Host-token'),
    tickets: fc.boolean(),
  }),
})

/** With the parameters that the path has. */
function withParameters(stream: DescribedStream): DescribedStream {
  return {
    ...stream,
    parameters: [...bracedPath(stream.path).matchAll(/\{([^}]+)\}/g)].map(([, name = '']) => name),
  }
}

test('every kind of stream is described by valid documents', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(streams.map(withParameters), { minLength: 1, maxLength: 4 }), async (all) => {
      expect(await openApiFaults(openApiDocument(all, '0.1.0'))).toEqual([])
      expect(asyncApiFaults(asyncApiDocument(all, '0.1.0'))).toEqual([])
    }),
    { numRuns: 30 },
  )
})

test('a document that is wrong is told', async () => {
  const { info: _, ...openApi } = openApiDocument([STREAM], '0.1.0')
  expect(await openApiFaults(openApi)).not.toEqual([])
  const { info: __, ...asyncApi } = asyncApiDocument([STREAM], '0.1.0')
  expect(asyncApiFaults(asyncApi)).not.toEqual([])
  expect(await openApiFaults(openApiDocument([{ ...STREAM, path: '/:lost' }], '0.1.0'))).not.toEqual([])
})

describe('OpenAPI', () => {
  test('says how a request shows who asks', () => {
    const credentials = { isHosts: false, queryToken: true, cookie: '__Host-t', tickets: true }
    const document = openApiDocument([{ ...STREAM, credentials }], '0.1.0')
    const { paths, components } = document as Record<string, Record<string, Record<string, unknown>>>
    expect(components?.securitySchemes).toMatchObject({
      bearer: { type: 'http', scheme: 'bearer' },
      queryToken: { in: 'query', name: 'access_token' },
      cookie: { in: 'cookie', name: '__Host-t' },
      ticket: { in: 'query', name: 'ticket' },
    })
    const scope = ['proxy:stream']
    const ofToken = [{ bearer: scope }, { queryToken: scope }, { cookie: scope }]
    expect(paths?.['/live/events']).toMatchObject({
      get: { security: [...ofToken, { ticket: [] }] },
      post: { security: ofToken },
      options: { security: [] },
    })
    expect(paths?.['/live/events/ticket']).toMatchObject({ post: { security: ofToken } })
  })
})

describe('AsyncAPI', () => {
  test('has a channel for each stream, with a name of its own', () => {
    const paths = ['/a/b', '/a-b', '/', '/a.b', '/*']
    const document = asyncApiDocument(
      paths.map((path) => ({ ...STREAM, path })),
      '0.1.0',
    )
    const { channels } = document as Record<string, Record<string, { address: string }>>
    expect(Object.entries(channels ?? {}).map(([id, { address }]) => [id, address])).toEqual([
      ['a-b', '/a/b'],
      ['a-b-2', '/a-b'],
      ['root', '/'],
      ['a-b-3', '/a.b'],
      ['root-2', '/{*}'],
    ])
  })

  test('has the encoding of each stream', () => {
    const both: DescribedStream[] = [STREAM, { ...STREAM, path: '/raw', encoding: 'base64' }]
    const { components, channels } = asyncApiDocument(both, '0.1.0') as Record<string, Record<string, object>>
    expect(Object.keys(components?.messages ?? {})).toEqual(
      expect.arrayContaining(['record-text', 'record-base64']),
    )
    expect(channels?.raw).toMatchObject({ messages: { 'record-base64': {} } })
    expect(channels?.raw).not.toMatchObject({ messages: { 'record-text': {} } })
  })
})
