// The types of the client. Checked by tstyche: see ../types.test.ts.

import {
  type ConnectOptions,
  connect,
  type EventStream,
  type StreamError,
  type StreamEvent,
} from 'kafka-sse-client'
import { describe, expect, test } from 'tstyche'

describe('connect', () => {
  test('takes a URL and options, and is a stream of events', () => {
    expect(connect).type.toBeCallableWith('/events', { getToken: async () => 'a token' })
    expect(connect).type.not.toBeCallableWith('/events', { getToken: 'a token' })
    expect<ReturnType<typeof connect>>().type.toBe<EventStream>()
    expect<EventStream>().type.toBeAssignableTo<AsyncIterable<StreamEvent>>()
  })

  test('refuses a misspelt option', () => {
    expect<ConnectOptions>().type.not.toBeAssignableFrom({ getTokens: async () => 'a token' })
    expect<ConnectOptions>().type.not.toBeAssignableFrom({ credentials: 'always' })
  })
})

describe('events', () => {
  test('are told apart by their type', () => {
    expect<StreamEvent['type']>().type.toBe<'message' | 'delete' | 'gap' | 'ready'>()
    const dataOf = (event: StreamEvent) => (event.type === 'gap' ? event.data : null)
    expect(dataOf({} as StreamEvent)).type.toBeAssignableTo<string | null>()
  })

  test('errors have codes', () => {
    expect<StreamError>().type.toBeAssignableTo<Error>()
    expect<StreamError['code']>().type.not.toBe<string>()
  })
})
