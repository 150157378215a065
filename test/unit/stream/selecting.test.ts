// Streams that select, as they go: each gets its own records, and is disturbed by no others.

import { describe, expect, it } from 'vitest'
import { parseSelector } from '../../../src/routing/selector.ts'
import type { RouteCondition } from '../../../src/selection/selection.ts'
import { type MemorySink, StreamsScene, said } from '../../support/streams-scene.ts'
import { pass, useFakeTime } from '../../support/time.ts'
import { TopicInMemory } from '../../support/topic-in-memory.ts'

useFakeTime()

function sceneOf(): StreamsScene {
  return new StreamsScene(new TopicInMemory(1, { selectors: ['key', 'headers.to'].map(parseSelector) }))
}

function by(name: string, ...values: string[]): RouteCondition[] {
  return [{ selector: parseSelector(name), values: new Set(values) }]
}

/** Appends a record with a header, and publishes. */
function write(scene: StreamsScene, key: string, value: string | null, to: string): void {
  const { bus } = scene.topic
  bus.append({
    partition: 0,
    offset: bus.nextOffset(0) ?? 0,
    timestampMs: Date.now(),
    key: Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: [{ name: 'to', value: Buffer.from(to) }],
  })
  bus.publish()
}

const idsIn = (sink: MemorySink) => [...sink.text.matchAll(/^id:(.*)$/gm)].map(([, id]) => id)

describe('a stream that selects', () => {
  it('gets the newest of its own, then :ready, then its own as they come, and a delete for what leaves', async () => {
    const scene = sceneOf()
    write(scene, 'k', 'one', 'a')
    write(scene, 'l', 'other', 'b')
    write(scene, 'k', 'two', 'a')
    const sink = scene.open({ conditions: by('headers.to', 'a') })
    await pass(1)
    expect(said(sink)).toBe('data:two\nid:AQIABg==\n\n:ready\n\n')
    write(scene, 'l', 'three', 'a')
    write(scene, 'm', 'other', 'b')
    write(scene, 'k', 'gone', 'b')
    write(scene, 'l', null, 'b')
    await pass(1)
    expect(said(sink)).toBe(
      'data:two\nid:AQIABg==\n\n:ready\n\n' +
        'data:three\nid:AQIACA==\n\n' +
        'event:delete\ndata:aw==\nid:AQIADA==\n\n' +
        'event:delete\ndata:bA==\nid:AQIADg==\n\n',
    )
  })

  it('goes on from its id', async () => {
    const scene = sceneOf()
    write(scene, 'k', 'one', 'a')
    write(scene, 'l', 'two', 'a')
    write(scene, 'l', 'three', 'b')
    const sink = scene.open({ conditions: by('headers.to', 'a'), requested: { id: 'AQIABA==' } })
    await pass(1)
    expect(said(sink)).toBe('event:delete\ndata:bA==\nid:AQIABg==\n\n:ready\n\n')
  })

  it('is not written to for records of others, and its heartbeat has an id once a minute at most', async () => {
    const scene = sceneOf()
    const sink = scene.open({ conditions: by('key', 'k') })
    await pass(1)
    for (let second = 0; second < 130; second++) {
      write(scene, 'l', `${second}`, 'b')
      await pass(1_000)
    }
    expect(sink.data).toEqual([])
    expect(sink.text.match(/^:$/gm)).toHaveLength(14)
    expect(idsIn(sink).length).toBeGreaterThanOrEqual(2)
    expect(idsIn(sink).length).toBeLessThanOrEqual(3)
    write(scene, 'k', 'own', 'a')
    await pass(1)
    expect(sink.data).toEqual(['own'])
  })

  it('stands beside streams of everything, which get all of it and no deletes of others', async () => {
    const scene = sceneOf()
    const [own, all] = [scene.open({ conditions: by('headers.to', 'a') }), scene.open()]
    await pass(1)
    write(scene, 'k', 'one', 'a')
    write(scene, 'k', 'two', 'b')
    await pass(1)
    expect(all.data).toEqual(['one', 'two'])
    expect(own.data).toEqual(['one', 'aw=='])
    expect(scene.streams.figures.recordsDelivered).toBe(4)
  })

  it('is told that its topic was recreated, though nothing of its own came', async () => {
    const scene = sceneOf()
    const sink = scene.open({ conditions: by('key', 'k') })
    await pass(1)
    scene.topic.bus.recreate()
    scene.topic.bus.setPartition(0, 0)
    scene.topic.bus.markCaughtUp()
    await pass(1)
    expect(said(sink)).toContain(':gap recreated\n')
    write(scene, 'k', 'own', 'a')
    await pass(1)
    expect(sink.data).toEqual(['own'])
  })

  it.each(['nothing', 'own'])(
    'ends where Kafka deleted what was never read, and %s came since',
    async (since) => {
      const scene = sceneOf()
      write(scene, 'k', 'own', 'a')
      const sink = scene.open({ conditions: by('key', 'k') })
      await pass(1)
      scene.topic.bus.skip(0, 10)
      write(scene, 'l', 'other', 'b')
      if (since === 'own') write(scene, 'k', 'later', 'a')
      await pass(1)
      expect(said(sink)).toBe('data:own\nid:AQIAAg==\n\n:ready\n\n:end too-old\n\n')
    },
  )

  it('is begun again where a key may have left its selection unseen', async () => {
    const scene = sceneOf()
    const { bus } = scene.topic
    bus.advance(0, 3)
    write(scene, 'k', 'own', 'a')
    const sink = scene.open({ conditions: by('headers.to', 'a'), requested: { id: 'AQIABA==' } })
    await pass(1)
    expect(said(sink)).toBe(':gap deletes-dropped\n\ndata:own\nid:AQIACA==\n\n:ready\n\n')
  })

  it('begins again while it waits, once a record shows that a key may have left its selection unseen', async () => {
    const scene = sceneOf()
    const { bus } = scene.topic
    write(scene, 'l', 'own', 'a')
    const conditions = by('headers.to', 'a')
    const sinks = [scene.open({ conditions, requested: { id: 'AQIABA==' } }), scene.open({ conditions })]
    await pass(10_000)
    bus.advance(0, 3)
    write(scene, 'k', 'other', 'b')
    await pass(10_000)
    const [resumed, begun] = sinks.map((sink) => said(sink))
    expect(resumed).toContain(':gap deletes-dropped\n\n:\nid:AQA=\n\ndata:own\nid:AQIAAg==\n\n:ready\n\n')
    expect(begun).not.toContain('gap')
  })

  it('leaves nothing behind when it ends', async () => {
    const scene = sceneOf()
    const sink = scene.open({ conditions: by('key', 'k') })
    await pass(1)
    sink.close('cancelled')
    write(scene, 'k', 'own', 'a')
    await pass(1)
    expect(sink.data).toEqual([])
    await scene.streams.close()
  })
})
