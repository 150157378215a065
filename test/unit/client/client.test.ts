// The client’s events, its position, its tokens, and what it leaves behind when it is closed.

import { describe, expect, it, vi } from 'vitest'
import { connect } from '../../../client/src/index.ts'
import { CHALLENGE } from '../../support/client-server.ts'
import { forThisTest } from '../../support/scene.ts'
import { pass, until } from '../../support/time.ts'
import { ClientScene, rejectedBy, STREAM_URL, status } from './client-scene.ts'

const open = () => forThisTest(ClientScene.open())

describe('the client', () => {
  it('asks with the token as bearer, and hands out records, tombstones, gaps and readiness in order', async () => {
    const scene = await open()
    const { server, events } = scene
    scene.connect()
    await pass()
    server.say(':gap too-old\n\ndata:1\nid:a\n\nevent:delete\ndata:MQ==\nid:b\n\n:\n\n:ready\n\n')
    await pass()
    expect(server.requests[0]?.headers).toEqual({
      accept: 'text/event-stream',
      authorization: 'Bearer token-1',
    })
    expect(events).toEqual([
      { type: 'gap', data: 'too-old', id: 'AQA=' },
      { type: 'message', data: '1', id: 'a' },
      { type: 'delete', data: 'MQ==', id: 'b' },
      { type: 'ready', data: '', id: 'b' },
    ])
  })

  it('reports a signal once if it comes as a comment and as an event', async () => {
    const scene = await open()
    const { server, events } = scene
    scene.connect()
    await pass()
    server.say(':gap too-old\nevent:gap\ndata:{"reason":"too-old"}\n\n:\nevent:ping\ndata:{}\nid:c\n\n')
    await pass()
    expect(events).toEqual([{ type: 'gap', data: 'too-old', id: 'AQA=' }])
    expect(scene.stream?.lastEventId).toBe('c')
  })

  it('comes back after a broken connection, with a fresh token and the id of the last whole event', async () => {
    const scene = await open()
    const { server, errors } = scene
    scene.connect()
    await pass()
    server.say('retry:3000\n\ndata:1\nid:a\n\ndata:2\nid:b\n')
    await pass()
    server.breakOff()
    await pass(2_999)
    expect(errors).toMatchObject([{ error: { code: 'lost' }, retryInMs: 3_000, final: false }])
    expect(server.gets()).toHaveLength(1)
    await pass(1)
    expect(server.gets()[1]?.headers).toMatchObject({ authorization: 'Bearer token-2', 'last-event-id': 'a' })
  })

  it('says why the server ended the stream, and comes back', async () => {
    const scene = await open()
    const { server, errors, ends } = scene
    scene.connect({ lastEventId: 'before' })
    await pass()
    server.say(':end shutdown\n\n')
    server.end()
    await pass()
    expect(ends).toEqual([{ reason: 'shutdown', retryInMs: 2_000 }])
    await pass(2_000)
    expect(server.gets().map(({ headers }) => headers['last-event-id'])).toEqual(['before', 'before'])
    expect(errors).toEqual([])
  })

  it('takes the longest event that a server sends, its id merged with the one that it came with', async () => {
    const scene = await open()
    const { server, events } = scene
    const data = 'x'.repeat(16 * 1024 * 1024 - 'data:\nid:\n\n'.length)
    const id = 'A'.repeat(128 * 1024 - 'id:'.length)
    server.answers = [() => server.stream(`data:${data}\nid:${id}\n\n`)]
    scene.connect()
    await until(() => events.length === 1)
    expect(events[0]?.id.length).toBe(id.length)
    expect(events[0]?.data.length).toBe(data.length)
    expect(scene.stream?.state).toBe('open')
  })

  it('counts a connection without a byte for three heartbeats as lost, and one with heartbeats as alive', async () => {
    const scene = await open()
    const { server, errors } = scene
    scene.connect()
    for (let seconds = 0; seconds < 90; seconds += 9) {
      await pass(9_000)
      server.say(':\n\n')
    }
    expect(errors).toEqual([])
    await pass(26_999)
    expect(errors).toEqual([])
    await pass(1)
    expect(errors).toMatchObject([{ error: { code: 'silent' }, retryInMs: 2_000 }])
    await pass(2_000)
    expect(server.gets()).toHaveLength(2)
  })

  it('counts a server that takes the connection and says nothing as silent', async () => {
    const scene = await open()
    const { server, errors } = scene
    server.answers = [({ signal }) => rejectedBy(signal), () => server.stream()]
    scene.connect()
    await pass(27_000)
    expect(errors).toMatchObject([{ error: { code: 'silent' } }])
    await pass(2_000)
    expect(scene.stream?.state).toBe('open')
  })

  it('has the position of what was handed out, not of what was read ahead', async () => {
    const scene = await open()
    const { server } = scene
    scene.connect({ onEvent: () => new Promise((resolve) => setTimeout(resolve, 1_000)) })
    await pass()
    server.say('data:1\nid:a\n\ndata:2\nid:b\n\n:\nid:c\n\n')
    await pass()
    expect(scene.stream?.lastEventId).toBe('a')
    await pass(1_000)
    expect(scene.stream?.lastEventId).toBe('c')
    await pass(1_000)
  })

  it('iterates, ends with the loop, and throws the error that ended it after the events before', async () => {
    const { server } = await open()
    server.answers = [() => server.stream('data:1\n\ndata:2\n\ndata:3\n\n')]
    const first = connect(STREAM_URL, { getToken: () => 't', fetch: server.fetch })
    for await (const { data } of first) if (data === '2') break
    expect(first.state).toBe('closed')
    expect(await first.closed).toBeNull()

    server.answers = [() => server.stream('data:1\n\n'), () => status(404)]
    const second = connect(STREAM_URL, { getToken: () => 't', fetch: server.fetch })
    const seen: string[] = []
    const loop = (async () => {
      for await (const { data } of second) seen.push(data)
    })()
    const outcome = expect(loop).rejects.toMatchObject({ code: 'refused', status: 404 })
    await pass()
    server.end()
    await pass(5_000)
    await outcome
    expect(seen).toEqual(['1'])
  })

  it('hands out nothing more once it is closed', async () => {
    const { server } = await open()
    const seen: string[] = []
    server.answers = [() => server.stream('data:1\n\ndata:2\n\n')]
    const closing = connect(STREAM_URL, {
      getToken: () => 't',
      fetch: server.fetch,
      onEvent: ({ data }) => {
        seen.push(data)
        closing.close()
      },
    })
    await pass()
    expect(seen).toEqual(['1'])
  })

  it('ends a next() that waits when the iteration is left, and closes, as it does before the first one', async () => {
    const { server } = await open()
    const options = { getToken: () => 't', fetch: server.fetch }
    const waiting = connect(STREAM_URL, options)
    const iterator = waiting[Symbol.asyncIterator]()
    const next = iterator.next()
    await pass()
    const over = { done: true, value: undefined }
    expect(await Promise.all([iterator.return(), next, iterator.next()])).toEqual([over, over, over])
    expect([waiting.state, server.requests[0]?.signal.aborted]).toEqual(['closed', true])

    const unread = connect(STREAM_URL, options)
    await unread[Symbol.asyncIterator]().return()
    expect(unread.state).toBe('closed')
  })

  it('ends a next() that waits when an error is thrown into the iteration, and closes', async () => {
    const { server } = await open()
    const stream = connect(STREAM_URL, { getToken: () => 't', fetch: server.fetch })
    const iterator = stream[Symbol.asyncIterator]()
    const next = iterator.next()
    await pass()
    const thrown = new Error('of the consumer')
    const caught = vi.fn()
    iterator.throw(thrown).catch(caught)
    await pass()
    expect([caught.mock.calls, stream.state]).toEqual([[[thrown]], 'closed'])
    expect(await next).toEqual({ done: true, value: undefined })
  })

  it('hands out nothing after the iteration is left, though it had ended with an error before', async () => {
    const { server } = await open()
    server.answers = [() => server.stream('data:1\n\ndata:2\n\n'), () => status(404)]
    const stream = connect(STREAM_URL, { getToken: () => 't', fetch: server.fetch })
    const iterator = stream[Symbol.asyncIterator]()
    await iterator.next()
    server.end()
    await pass(5_000)
    expect(await stream.closed).toMatchObject({ code: 'refused' })
    await iterator.return()
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  it('has one consumer', async () => {
    const scene = await open()
    const consumed = scene.connect()
    expect(() => consumed[Symbol.asyncIterator]()).toThrow(new TypeError('The stream already has a consumer'))
    consumed.close()
    const iterated = connect(STREAM_URL, { fetch: scene.server.fetch })
    iterated[Symbol.asyncIterator]()
    expect(() => iterated[Symbol.asyncIterator]()).toThrow('already has a consumer')
    expect(iterated.state).toBe('connecting')
    iterated.close()
  })

  it('reports a token that cannot be had and tries again; one that is null is final', async () => {
    const scene = await open()
    const { server, errors } = scene
    let answer: () => string | null = () => {
      throw new Error('sign-in is down')
    }
    const { closed } = scene.connect({ getToken: () => answer() })
    await pass()
    expect(errors).toMatchObject([{ error: { code: 'token' }, retryInMs: 2_000 }])
    expect(errors[0]?.error.message).toContain('sign-in is down')
    answer = () => null
    await pass(2_000)
    expect(await closed).toMatchObject({ code: 'no-token' })
    expect(server.requests).toEqual([])
  })

  it('does not quote a token that cannot be sent', async () => {
    const scene = await open()
    const { errors } = scene
    scene.connect({ getToken: () => 'secret\u0000part' })
    await pass()
    expect(errors[0]?.error.message).not.toContain('secret')
    expect(errors).toMatchObject([{ error: { code: 'token' } }])
  })

  it('tries a 401 again for as long as a clock may be wrong, and is closed after 60 s', async () => {
    const scene = await open()
    const { server, errors } = scene
    const beganAtMs = Date.now()
    server.answers = [() => status(401)]
    const { closed } = scene.connect({ retryMaxMs: 600_000 })
    await pass(59_999)
    expect(scene.stream?.state).toBe('waiting')
    expect(errors.every(({ final }) => !final)).toBe(true)
    expect(server.requests.map(({ atMs }) => atMs - beganAtMs)).toEqual([0, 2_000, 6_000, 14_000, 30_000])
    await pass(1)
    expect(await closed).toMatchObject({ code: 'unauthorized', status: 401 })
    expect(server.requests).toHaveLength(6)
    const tokens = server.requests.map(({ headers }) => headers.authorization)
    expect(new Set(tokens).size).toBe(6)
  })

  it('gives refusals a new minute once the server has answered something else', async () => {
    const scene = await open()
    const { server, errors } = scene
    server.answers = [() => status(401)]
    scene.connect()
    await pass(50_000)
    server.answers = [() => status(503), () => status(401)]
    await pass(60_000)
    expect(errors.at(-1)).toMatchObject({ final: false })
    server.answers = [() => server.stream()]
    await pass(40_000)
    expect(scene.stream?.state).toBe('open')
  })

  it('is closed by a second 403', async () => {
    const scene = await open()
    const { server } = scene
    server.answers = [() => status(403), () => status(401), () => status(403)]
    const { closed } = scene.connect()
    await pass(30_000)
    expect(await closed).toMatchObject({ code: 'unauthorized', status: 403 })
    expect(server.requests).toHaveLength(4)
  })

  it('waits half a minute for a token, and aborts its maker', async () => {
    const scene = await open()
    const { errors } = scene
    let given: AbortSignal | undefined
    scene.connect({
      getToken: ({ signal }) => {
        given = signal
        return new Promise(() => {})
      },
    })
    await pass(30_000)
    expect(given?.aborted).toBe(true)
    expect(errors).toMatchObject([{ error: { code: 'token' } }])
  })

  it.each<[string, number, (scene: ClientScene) => void]>([
    ['before it begins', 0, () => {}],
    ['while the token is made', 10, () => {}],
    ['while it connects', 60, () => {}],
    ['while it is open', 1_000, () => {}],
    ['while a renewal is under way', 1_000, ({ server }) => server.say(CHALLENGE)],
    ['while it waits to come back', 1_000, ({ server }) => server.breakOff()],
  ])('leaves no timer, no request and no listener when aborted %s', async (_, afterMs, happen) => {
    const scene = await open()
    const { server, errors } = scene
    const controller = new AbortController()
    const remove = vi.spyOn(controller.signal, 'removeEventListener')
    const wait = (timeMs: number) => new Promise<void>((resolve) => setTimeout(resolve, timeMs))
    server.answers = [async () => wait(50).then(() => server.stream())]
    server.renewal = async () => wait(50).then(() => status(204))
    const { closed } = scene.connect({ signal: controller.signal, getToken: () => wait(50).then(() => 't') })
    await pass(afterMs)
    happen(scene)
    await pass()
    controller.abort()
    expect(await closed).toBeNull()
    await pass(50)
    expect(vi.getTimerCount()).toBe(0)
    expect(server.requests.every(({ signal }) => signal.aborted)).toBe(true)
    expect(remove).toHaveBeenCalled()
    const requests = server.requests.length
    await pass(60_000)
    expect(server.requests).toHaveLength(requests)
    expect(errors.filter(({ final }) => final)).toEqual([])
  })

  it('tells its handlers nothing before it has returned, although its signal had aborted before', async () => {
    const scene = await open()
    const told: unknown[] = []
    let hasReturned = false
    const { closed } = scene.connect({
      signal: AbortSignal.abort(),
      onState: ({ state }) => told.push([state, hasReturned]),
    })
    hasReturned = true
    expect(await closed).toBeNull()
    await pass(60_000)
    expect(told).toEqual([['closed', true]])
    expect([scene.server.requests, scene.tokens]).toEqual([[], 0])
  })

  it.each([0, 1, 2, 3, 4, 5, 6])(
    'opens nothing any more once it is closed, %i microtasks after the answer',
    async (microtasks) => {
      const scene = await open()
      const { server, states } = scene
      const onOpen = vi.fn()
      let openedBefore = 0
      const closeAfter = async () => {
        for (let passed = 0; passed < microtasks; passed++) await null
        openedBefore = onOpen.mock.calls.length
        scene.stream?.close()
      }
      server.answers = [
        () => {
          void closeAfter()
          return server.stream()
        },
      ]
      scene.connect({ onOpen })
      await pass()
      expect([scene.stream?.state, states.at(-1)]).toEqual(['closed', { state: 'closed', reason: '' }])
      expect(onOpen).toHaveBeenCalledTimes(openedBefore)
    },
  )

  it('refuses URLs, ids and limits that make no sense', async () => {
    const { server } = await open()
    const options = { getToken: () => 't', fetch: server.fetch }
    expect(() => connect('file:///etc/passwd', options)).toThrow(TypeError)
    expect(() => connect('https://user:secret@example.test/', options)).toThrow(TypeError)
    expect(() => connect(STREAM_URL, { ...options, lastEventId: 'a\r\nb' })).toThrow(TypeError)
    expect(() => connect(STREAM_URL, { ...options, heartbeatMs: 2 ** 31 })).toThrow(RangeError)
    expect(() => connect(STREAM_URL, { ...options, readAheadMax: 0 })).toThrow(RangeError)
    expect(server.requests).toEqual([])
  })

  it('sends an id beyond ASCII as UTF-8', async () => {
    const scene = await open()
    const { server } = scene
    scene.connect({ lastEventId: '["é","水"]' })
    await pass()
    const sent = server.requests[0]?.headers['last-event-id'] ?? ''
    expect(Buffer.from(sent, 'latin1').toString()).toBe('["é","水"]')
  })
})
