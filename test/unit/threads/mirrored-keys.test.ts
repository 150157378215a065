// Keys in several threads: the main thread's sources, and the workers' copies of them, over channels.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import Fastify from 'fastify'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { KeySource } from '../../../plugins/auth/keys/key-source.ts'
import type { KeySettings } from '../../../plugins/auth/keys/open-keys.ts'
import { KeysUnavailable } from '../../../src/errors.ts'
import { Channel } from '../../../src/threads/channel.ts'
import type { ToMain, ToWorker } from '../../../src/threads/messages.ts'
import { MirroredKeys } from '../../../src/threads/mirrored-keys.ts'
import { ProcessKeys, WorkerKeys } from '../../../src/threads/worker-keys.ts'
import {
  ISSUER,
  jwksOf,
  type KeyServer,
  keyAs,
  makeKey,
  startKeyServer,
} from '../../support/keys-and-tokens.ts'
import { eventually } from '../../support/time.ts'

const first = makeKey('ES256', 'first')
const second = keyAs(makeKey('ES256'), { kid: 'second' })
const third = keyAs(makeKey('ES256'), { kid: 'third' })

let server: KeyServer
let main: ProcessKeys
let workers: Worker[]

/** A worker's side, the main thread's side of it, and the two ends of their channel. */
class Worker {
  readonly mirrored: MirroredKeys
  readonly keys: WorkerKeys
  /** The headers that were asked for. */
  readonly asked: unknown[] = []
  private readonly channel: Channel<ToMain, ToWorker>
  private readonly close: () => void

  constructor(all: ProcessKeys) {
    const { port1, port2 } = new MessageChannel()
    const toWorker: Channel<ToWorker, ToMain> = new Channel<ToWorker, ToMain>(port1, {
      openKeys: (named: ToMain['openKeys']['body']) => this.keys.open(named),
      findKey: (asked: ToMain['findKey']['body']) => {
        this.asked.push(asked.header)
        return this.keys.find(asked)
      },
    } as never)
    this.keys = new WorkerKeys(all, (told) => toWorker.tell('keys', told))
    this.channel = new Channel<ToMain, ToWorker>(port2)
    this.mirrored = new MirroredKeys(this.channel)
    this.close = () => port1.close()
  }

  /** From here on messages are handled, as in a worker that has built its app. */
  start(): void {
    this.channel.handle({ keys: (told: ToWorker['keys']['body']) => this.mirrored.receive(told) } as never)
  }

  end(): void {
    this.keys.end()
    this.close()
  }
}

function settings(changes: Partial<KeySettings> = {}): KeySettings {
  const limits = {
    jwksTimeoutMs: 5_000,
    jwksCooldownMs: 30_000,
    jwksMaxAgeMs: 600_000,
    jwksStaleMs: 3_600_000,
  }
  const issuer = { issuer: ISSUER, issuerSetting: 'JWT_ISSUER' }
  return { ...limits, ...issuer, keys: server.url, rsaAlgorithm: 'RS256', ...changes }
}

async function knows(keys: KeySource, kid: string): Promise<boolean | null> {
  try {
    return 'key' in (await keys.find({ alg: 'ES256', kid }))
  } catch (error) {
    if (error instanceof KeysUnavailable) return null
    throw error
  }
}

function worker(): Worker {
  const made = new Worker(main)
  workers.push(made)
  return made
}

beforeEach(async () => {
  server = await startKeyServer(jwksOf(first))
  main = new ProcessKeys(Fastify().log)
  workers = []
})

afterEach(async () => {
  for (const made of workers) made.end()
  main.close()
  await server.close()
})

describe('keys of several workers', () => {
  it('are fetched once for all of them, and known ones are not asked for', async () => {
    const made = [worker(), worker(), worker()]
    const opened = await Promise.all(made.map(({ mirrored }) => mirrored.open(settings())))
    for (const each of made) each.start()
    await eventually(() => expect(opened.map((keys) => keys.notReady())).toEqual([null, null, null]))
    for (const keys of opened) expect(await knows(keys, 'first')).toBe(true)
    expect(server.hits()).toBe(1)
    expect(made.map(({ asked }) => asked)).toEqual([[], [], []])
  })

  it('are looked for once if one of them lacks a key, and all are told', async () => {
    const made = [worker(), worker()]
    const opened = await Promise.all(made.map(({ mirrored }) => mirrored.open(settings())))
    for (const each of made) each.start()
    await eventually(() => expect(opened.map((keys) => keys.notReady())).toEqual([null, null]))
    server.answer(jwksOf(first, second))
    const asked = opened.flatMap((keys) => Array.from({ length: 50 }, () => knows(keys, 'second')))
    expect(new Set(await Promise.all(asked))).toEqual(new Set([true]))
    expect(server.hits()).toBe(2)
    const before = made.map((each) => each.asked.length)
    for (const keys of opened) expect(await knows(keys, 'second')).toBe(true)
    expect(made.map((each) => each.asked.length)).toEqual(before)
  })

  it('are asked for by name and algorithm alone, and by nothing else of a header', async () => {
    const made = worker()
    const keys = await made.mirrored.open(settings())
    const header = { alg: 'ES256', kid: 'unknown', x5c: ['x'.repeat(5_000)], jku: 'https://evil.example' }
    expect(await keys.find(header)).toEqual({ refused: 'key' })
    expect(made.asked).toEqual([{ alg: 'ES256', kid: 'unknown' }])
  })

  it('are asked for by a worker that was told nothing yet, and by one that started later', async () => {
    const early = worker()
    const keys = await early.mirrored.open(settings())
    expect(keys.notReady()).toBe('the main thread has not told its keys yet')
    expect(await knows(keys, 'first')).toBe(true)
    const late = worker()
    const others = await late.mirrored.open(settings())
    late.start()
    await eventually(() => expect(others.notReady()).toBeNull())
    expect(server.hits()).toBe(1)
  })

  it('that cannot be told now are unavailable, and the reason is told', async () => {
    server.answer((_request, response) => void response.writeHead(500).end())
    const made = worker()
    const keys = await made.mirrored.open(settings())
    made.start()
    expect(await knows(keys, 'first')).toBeNull()
    await eventually(() => expect(keys.notReady()).toContain('it answers 500'))
  })

  it('of different settings are kept apart', async () => {
    const made = worker()
    const remote = await made.mirrored.open(settings())
    const fixed = await made.mirrored.open(settings({ keys: jwksOf(third), issuer: 'other' }))
    made.start()
    expect([await knows(remote, 'first'), await knows(remote, 'third')]).toEqual([true, false])
    expect([await knows(fixed, 'first'), await knows(fixed, 'third')]).toEqual([false, true])
  })

  it('in a file are read once, and all workers are told when it changes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mirrored-keys-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'keys.json')
    writeFileSync(file, jwksOf(first))
    const made = [worker(), worker()]
    const opened = await Promise.all(made.map(({ mirrored }) => mirrored.open(settings({ keys: file }))))
    for (const each of made) each.start()
    await eventually(() => expect(opened.map((keys) => keys.notReady())).toEqual([null, null]))
    writeFileSync(file, jwksOf(second))
    for (const keys of opened) await eventually(async () => expect(await knows(keys, 'first')).toBe(false))
  })

  it('that cannot be opened are an error of the worker, in the words of the main thread', async () => {
    const { mirrored } = worker()
    await expect(mirrored.open(settings({ keys: '/no/such/file' }))).rejects.toThrow(
      'auth.keys: /no/such/file: it cannot be read (ENOENT)',
    )
  })

  it('are told to no worker that has ended', async () => {
    const made = worker()
    await made.mirrored.open(settings())
    const told: unknown[] = []
    const ended = new WorkerKeys(main, (state) => told.push(state))
    await ended.open({ source: 0, settings: settings() })
    expect(told).toHaveLength(1)
    ended.end()
    server.answer(jwksOf(second))
    const keys = await main.open(settings())
    await knows(keys, 'second')
    expect(told).toHaveLength(1)
  })
})
