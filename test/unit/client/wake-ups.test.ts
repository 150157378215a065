// When the client comes back sooner than its wait says: the network is back, the page is shown, the machine has slept.
// And the states that it tells meanwhile.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { StreamEvent } from '../../../client/src/index.ts'
import { CHALLENGE } from '../../support/client-server.ts'
import { forThisTest } from '../../support/scene.ts'
import { pass } from '../../support/time.ts'
import { ClientScene, rejectedBy, status } from './client-scene.ts'

const open = () => forThisTest(ClientScene.open())
const reset = () => Promise.reject(new Error('reset'))

/** What a browser has and Node has not: events of the window, `navigator.onLine`, `document.hidden`. */
class Browser {
  readonly #window = new EventTarget()
  readonly navigator = { onLine: true }
  #visibility: 'visible' | 'hidden' = 'visible'
  /** How often a listener has read it. */
  asked = 0

  constructor() {
    vi.stubGlobal('navigator', this.navigator)
    const isHidden = () => {
      this.asked++
      return this.#visibility === 'hidden'
    }
    vi.stubGlobal('document', Object.defineProperty({}, 'hidden', { get: isHidden }))
    vi.stubGlobal('addEventListener', this.#window.addEventListener.bind(this.#window))
  }

  setOnline(onLine: boolean): void {
    this.navigator.onLine = onLine
    this.#window.dispatchEvent(new Event(onLine ? 'online' : 'offline'))
  }

  show(visibilityState: 'visible' | 'hidden'): void {
    this.#visibility = visibilityState
    this.#window.dispatchEvent(new Event('visibilitychange'))
  }

  /** The page goes: into the back-forward cache, if the browser can. */
  leave(): void {
    this.#window.dispatchEvent(new Event('pagehide'))
    this.show('hidden')
  }

  /** The page comes out of the back-forward cache. */
  comeBack(): void {
    this.show('visible')
    this.load()
  }

  /** The page has been loaded. */
  load(): void {
    this.#window.dispatchEvent(new Event('pageshow'))
  }
}

/** The machine sleeps, or the page is frozen: the wall clock goes on, and no timer runs. */
function sleep(ms: number): void {
  vi.setSystemTime(Date.now() + ms)
}

describe('a client in a browser', () => {
  let browser: Browser

  beforeEach(() => {
    browser = new Browser()
  })

  afterEach(() => vi.unstubAllGlobals())

  it('waits longer while there is no network, and comes back at once when it is there', async () => {
    const scene = await open()
    const { server, errors } = scene
    scene.connect()
    await pass()
    browser.setOnline(false)
    server.answers = [reset]
    server.breakOff()
    await pass(29_000)
    expect(scene.stream?.state).toBe('offline')
    expect(scene.stream?.reason).toBe('lost')
    expect([server.gets().length, scene.tokens, errors.length]).toEqual([1, 1, 1])
    server.answers = [() => server.stream()]
    browser.setOnline(true)
    await pass()
    expect(scene.stream?.state).toBe('open')
    expect(scene.states.map(({ state }) => state)).toEqual([
      'connecting',
      'open',
      'offline',
      'connecting',
      'open',
    ])
  })

  it('counts no failure without a network: the first wait after it is the shortest', async () => {
    const scene = await open()
    const { server, errors } = scene
    server.answers = [reset]
    browser.setOnline(false)
    scene.connect()
    for (let times = 0; times < 5; times++) {
      await pass()
      scene.stream?.retryNow()
    }
    await pass()
    expect(errors.map(({ retryInMs }) => retryInMs)).toEqual(Array(6).fill(30_000))
    browser.setOnline(true)
    await pass()
    expect(errors.at(-1)?.retryInMs).toBe(2_000)
  })

  it('tries within the longest wait, in case the browser is wrong about its network, as behind some VPNs', async () => {
    const scene = await open()
    const { server, errors } = scene
    server.answers = [reset, reset, () => server.stream('retry:40000\n\n')]
    browser.setOnline(false)
    const numbers = [0.5, 1 - Number.EPSILON]
    scene.connect({ retryMaxMs: 20_000, random: () => numbers.shift() ?? 0 })
    await pass(9_999)
    expect(server.gets()).toHaveLength(1)
    await pass(20_001)
    expect(scene.stream?.state).toBe('open')
    server.breakOff()
    await pass()
    expect(errors.map(({ retryInMs }) => retryInMs)).toEqual([10_000, 20_000, 40_000])
  })

  it('does not take a server’s refusal for a network that is not there', async () => {
    const scene = await open()
    const { server } = scene
    server.answers = [() => status(503)]
    browser.setOnline(false)
    scene.connect()
    await pass()
    expect([scene.stream?.state, scene.stream?.reason]).toEqual(['waiting', 'unavailable'])
  })

  it.each<[string, number]>([
    ['the network is back', 1_000],
    ['the network is back, though nothing is read', 1],
  ])(
    'opens another connection when %s, since the one before is lost, after the last id',
    async (_, readAheadMax) => {
      const scene = await open()
      const { server, events, errors } = scene
      const onEvent = async (event: StreamEvent) => {
        events.push(event)
        if (event.data === '1') await new Promise((resolve) => setTimeout(resolve, 1_000))
      }
      scene.connect({ readAheadMax, onEvent })
      await pass()
      server.say('data:1\n\ndata:2\nid:a\n\n')
      await pass()
      browser.setOnline(true)
      await pass()
      expect(server.gets()[1]?.headers['last-event-id']).toBe('a')
      expect(server.requests[0]?.signal.aborted).toBe(true)
      expect(errors).toMatchObject([{ error: { code: 'lost' }, retryInMs: 0, final: false }])
      server.say('data:3\nid:b\n\n')
      await pass(1_000)
      expect(events.map(({ data }) => data)).toEqual(['1', '2', '3'])
    },
  )

  it('has no connection in a page that was left, and one more when it is shown again, after the last id', async () => {
    const scene = await open()
    const { server, events, errors, ends } = scene
    scene.connect()
    await pass()
    server.say('data:1\nid:a\n\n')
    await pass()
    browser.leave()
    await pass()
    expect(server.requests[0]?.signal.aborted).toBe(true)
    expect([scene.stream?.state, scene.stream?.reason]).toEqual(['waiting', 'lost'])
    sleep(600_000)
    browser.comeBack()
    await pass(2_000)
    expect(server.gets().map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'a'])
    expect([errors, ends, scene.stream?.state]).toEqual([[], [], 'open'])
    server.say('data:2\nid:b\n\n')
    await pass()
    expect(events.map(({ data }) => data)).toEqual(['1', '2'])
  })

  it('has no connection in a page that was left while its consumer is slow', async () => {
    const scene = await open()
    const { server } = scene
    scene.connect({ readAheadMax: 1, onEvent: () => new Promise(() => {}) })
    await pass()
    for (const id of ['a', 'b', 'c']) server.say(`data:1\nid:${id}\n\n`)
    await pass()
    browser.leave()
    expect(server.requests[0]?.signal.aborted).toBe(true)
  })

  it('opens no connection when the page is left while it waits', async () => {
    const scene = await open()
    const { server } = scene
    server.answers = [reset, () => server.stream()]
    scene.connect()
    await pass()
    browser.leave()
    await pass()
    expect(server.gets()).toHaveLength(1)
    browser.comeBack()
    await pass()
    expect(scene.stream?.state).toBe('open')
  })

  it('opens one connection when a page comes back that was left, although its timer is late, too', async () => {
    const scene = await open()
    const { server, errors } = scene
    scene.connect()
    await pass()
    browser.leave()
    await pass()
    sleep(600_000)
    browser.comeBack()
    await pass(2_000)
    expect([server.gets().length, errors.length, scene.stream?.state]).toEqual([2, 0, 'open'])
  })

  it('counts no failure for a page that was left: the first wait after it is the shortest', async () => {
    const scene = await open()
    const { server, errors } = scene
    scene.connect()
    for (let times = 0; times < 5; times++) {
      await pass()
      browser.leave()
      await pass()
      browser.comeBack()
    }
    await pass()
    server.breakOff()
    await pass()
    expect(errors.map(({ retryInMs }) => retryInMs)).toEqual([2_000])
  })

  it('comes back by itself where the browser says that the page is left, and it is not', async () => {
    const scene = await open()
    const { server } = scene
    scene.connect()
    await pass()
    browser.leave()
    await pass(30_000)
    expect([server.gets().length, scene.stream?.state]).toEqual([2, 'open'])
  })

  it('ends its wait when the page is shown, and leaves an open connection alone', async () => {
    const scene = await open()
    const { server } = scene
    server.answers = [reset, () => server.stream()]
    browser.show('hidden')
    scene.connect()
    await pass()
    browser.show('hidden')
    await pass()
    expect(server.gets()).toHaveLength(1)
    browser.show('visible')
    await pass()
    expect(scene.stream?.state).toBe('open')
    browser.show('hidden')
    browser.show('visible')
    browser.load()
    await pass(1_000)
    expect(server.gets()).toHaveLength(2)
  })

  it.each(['pageshow', 'visibilitychange'])(
    'opens another connection at once when %s comes first after a sleep',
    async (type) => {
      const scene = await open()
      const { server, errors } = scene
      scene.connect()
      await pass()
      sleep(600_000)
      if (type === 'pageshow') browser.load()
      else browser.show('visible')
      await pass()
      expect(server.gets()).toHaveLength(2)
      await pass(2_000)
      expect([server.gets().length, errors.length, scene.stream?.state]).toEqual([2, 1, 'open'])
    },
  )

  it('keeps a connection that a slow consumer does not read while it is hidden, which has a timer a minute', async () => {
    const scene = await open()
    const { server, errors } = scene
    server.answers = [() => server.stream('data:1\n\ndata:2\nid:a\n\n')]
    browser.show('hidden')
    scene.connect({ readAheadMax: 1, onEvent: () => new Promise(() => {}) })
    await pass()
    for (let minutes = 0; minutes < 10; minutes++) {
      sleep(60_000)
      await pass(2_000)
    }
    expect([server.requests[0]?.signal.aborted, errors]).toEqual([false, []])
    // Now it may be that the page was frozen, and that the connection is lost.
    browser.show('visible')
    await pass(2_000)
    expect(server.gets().map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'a'])
  })

  it('keeps a connection of a hidden page whose consumer goes on, and bytes are there', async () => {
    const scene = await open()
    const { server, errors } = scene
    server.answers = [() => server.stream('data:1\n\ndata:2\n\n')]
    browser.show('hidden')
    let take = () => {}
    const onEvent = () =>
      new Promise<void>((resolve) => {
        take = resolve
      })
    scene.connect({ readAheadMax: 1, onEvent })
    await pass()
    sleep(60_000)
    await pass(2_000)
    server.say(':\n\n')
    take()
    await pass(2_000)
    expect([server.gets().length, errors]).toEqual([1, []])
  })

  it('does not come before Retry-After says, but when it is told to', async () => {
    const scene = await open()
    const { server } = scene
    server.answers = [() => status(503, { 'retry-after': '60' }), () => server.stream()]
    scene.connect()
    await pass()
    browser.setOnline(true)
    browser.show('visible')
    browser.comeBack()
    await pass(1_000)
    expect(server.gets()).toHaveLength(1)
    scene.stream?.retryNow()
    await pass()
    expect(scene.stream?.state).toBe('open')
  })

  it('listens no more once it is closed', async () => {
    const scene = await open()
    const { server } = scene
    scene.connect()
    await pass()
    browser.show('visible')
    expect(browser.asked).toBe(1)
    scene.stream?.close()
    browser.show('visible')
    browser.setOnline(true)
    await pass(60_000)
    expect(browser.asked).toBe(1)
    expect(server.gets()).toHaveLength(1)
  })

  it('needs no storage', async () => {
    for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches', 'BroadcastChannel']) {
      const forbidden = () => {
        throw new DOMException('The operation is insecure', 'SecurityError')
      }
      vi.stubGlobal(name, undefined)
      Object.defineProperty(globalThis, name, { get: forbidden, configurable: true })
    }
    const scene = await open()
    scene.connect()
    await pass()
    expect(scene.stream?.state).toBe('open')
  })
})

describe('a client whose machine slept, or whose tab was frozen', () => {
  it('comes back within two seconds of waking, with a fresh token, and loses nothing', async () => {
    const scene = await open()
    const { server, events, errors } = scene
    scene.connect()
    await pass()
    server.say('data:1\nid:a\n\n')
    await pass(10_000)
    sleep(600_000)
    await pass(2_000)
    expect(server.gets().map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'a'])
    expect(server.gets()[1]?.headers.authorization).toBe('Bearer token-2')
    expect(errors).toMatchObject([{ error: { code: 'lost' }, retryInMs: 0 }])
    server.say('data:2\nid:b\n\n')
    await pass()
    expect(events.map(({ data }) => data)).toEqual(['1', '2'])
  })

  it('notices it although a byte came right before the sleep', async () => {
    const scene = await open()
    const { server } = scene
    scene.connect()
    await pass(1_000)
    server.say(':\n\n')
    await pass()
    sleep(600_000)
    await pass(2_000)
    expect(server.gets()).toHaveLength(2)
  })

  it('ends its wait, too', async () => {
    const scene = await open()
    const { server } = scene
    server.answers = [reset, () => server.stream()]
    scene.connect({ retryMaxMs: 600_000, random: () => 0.999 })
    await pass()
    server.answers = [reset]
    await pass(50_000)
    const before = server.gets().length
    sleep(28_800_000)
    await pass(2_000)
    expect(server.gets().length).toBeGreaterThan(before)
  })

  it('keeps a connection on which bytes came, though timers were late: a tab in the background', async () => {
    const scene = await open()
    const { server, errors } = scene
    scene.connect()
    await pass()
    for (let minutes = 0; minutes < 10; minutes++) {
      sleep(58_000)
      server.say(':\n\n')
      await pass()
      await pass(2_000)
    }
    expect([server.gets().length, errors]).toEqual([1, []])
  })

  it.each([30_000, 600_000])(
    'opens another connection after %i ms although its consumer is slow',
    async (sleepMs) => {
      const scene = await open()
      const { server, errors } = scene
      server.answers = [() => server.stream('data:1\nid:a\n\ndata:2\nid:b\n\n'), () => server.stream()]
      const taken: string[] = []
      let take = () => {}
      scene.connect({
        readAheadMax: 1,
        onEvent: ({ data }) => {
          taken.push(data)
          return new Promise((resolve) => {
            take = resolve
          })
        },
      })
      await pass()
      sleep(sleepMs)
      await pass(2_000)
      // After what was read.
      expect(server.gets().map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'b'])
      expect(errors).toMatchObject([{ error: { code: 'lost' }, retryInMs: 0 }])
      server.say('data:3\nid:c\n\n')
      for (let times = 0; times < 3; times++) {
        take()
        await pass()
      }
      expect([taken, server.gets().length, scene.stream?.state]).toEqual([['1', '2', '3'], 2, 'open'])
    },
  )

  it('gives up a request that hangs', async () => {
    const scene = await open()
    const { server } = scene
    server.answers = [({ signal }) => rejectedBy(signal), () => server.stream()]
    scene.connect()
    await pass(1_000)
    sleep(600_000)
    await pass(2_000)
    expect(scene.stream?.state).toBe('open')
  })

  it('gives up a token that hangs, and asks for another one', async () => {
    const scene = await open()
    const signals: AbortSignal[] = []
    scene.connect({
      getToken: ({ signal }) => {
        signals.push(signal)
        return signals.length === 1 ? new Promise(() => {}) : 'token'
      },
    })
    await pass(1_000)
    sleep(600_000)
    await pass(2_000)
    expect(scene.stream?.state).toBe('open')
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
  })
})

describe('the state of a stream', () => {
  it('is told with its reason, and is there to be read', async () => {
    const scene = await open()
    const { server } = scene
    server.answers = [() => server.stream(), () => status(503), () => server.stream(), () => status(404)]
    const { closed } = scene.connect()
    expect([scene.stream?.state, scene.stream?.reason]).toEqual(['connecting', ''])
    await pass()
    server.say(`${CHALLENGE}:end expired\n\n`)
    server.end()
    await pass()
    expect([scene.stream?.state, scene.stream?.reason]).toEqual(['waiting', 'expired'])
    await pass(10_000)
    server.breakOff()
    await pass(10_000)
    expect((await closed)?.code).toBe('refused')
    expect(scene.states).toEqual([
      { state: 'connecting', reason: '' },
      { state: 'open', reason: '' },
      { state: 'waiting', reason: 'expired' },
      { state: 'connecting', reason: 'expired' },
      { state: 'waiting', reason: 'unavailable' },
      { state: 'connecting', reason: 'unavailable' },
      { state: 'open', reason: '' },
      { state: 'waiting', reason: 'lost' },
      { state: 'connecting', reason: 'lost' },
      { state: 'closed', reason: 'refused' },
    ])
  })

  it('is closed, without a reason, after close; nothing follows', async () => {
    const scene = await open()
    scene.connect()
    await pass()
    scene.stream?.close()
    scene.stream?.retryNow()
    await pass(60_000)
    expect(scene.states.at(-1)).toEqual({ state: 'closed', reason: '' })
    expect(scene.states).toHaveLength(3)
  })

  it('changes at once by retryNow while it waits, and not otherwise', async () => {
    const scene = await open()
    const { server } = scene
    server.answers = [reset, () => server.stream()]
    scene.connect({ retryMaxMs: 600_000 })
    scene.stream?.retryNow()
    await pass()
    expect(scene.stream?.state).toBe('waiting')
    scene.stream?.retryNow()
    await pass()
    scene.stream?.retryNow()
    await pass(1_000)
    expect(scene.stream?.state).toBe('open')
    expect(server.gets()).toHaveLength(2)
  })

  it.each(['connecting', 'open', 'waiting'])('may be answered by close, when it is %s', async (last) => {
    const scene = await open()
    const { server } = scene
    server.answers = [() => server.stream(':end shutdown\n\n')]
    const told: string[] = []
    scene.connect({
      onState: ({ state }) => {
        told.push(state)
        if (state === last) scene.stream?.close()
      },
    })
    await pass()
    if (last === 'waiting') server.end()
    await pass(60_000)
    expect(told.slice(-2)).toEqual([last, 'closed'])
    expect(await scene.stream?.closed).toBeNull()
  })

  it.each(['open', 'waiting'])(
    'is the last thing that is told, if its handler closes it when %s',
    async (last) => {
      const scene = await open()
      const { server } = scene
      server.answers = [() => server.stream(':end shutdown\n\n')]
      const late: string[] = []
      const note = (name: string) => () => {
        if (scene.stream?.state === 'closed') late.push(name)
      }
      scene.connect({
        onState: ({ state }) => {
          if (state === last) scene.stream?.close()
        },
        onOpen: note('onOpen'),
        onEnd: note('onEnd'),
        onError: note('onError'),
      })
      await pass()
      if (last === 'waiting') server.end()
      await pass(60_000)
      expect(late).toEqual([])
      expect(scene.stream?.state).toBe('closed')
    },
  )
})
