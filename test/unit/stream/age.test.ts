// The greatest age of a stream: `STREAMS_AGE_MAX_SECONDS`.

import { describe, expect, it } from 'vitest'
import { StreamsScene, said, sessionFor } from '../../support/streams-scene.ts'
import { pass, useFakeTime } from '../../support/time.ts'

const AGE_MAX_MS = 100_000
useFakeTime()

function aging(): StreamsScene {
  return new StreamsScene(undefined, { ageMaxMs: AGE_MAX_MS })
}

describe('a stream with a greatest age', () => {
  it('ends in the tenth before it, each at a moment of its own, as expired', async () => {
    const scene = aging()
    const sinks = Array.from({ length: 60 }, () => scene.open())
    const ended = () => sinks.filter((sink) => sink.ended !== null).length
    await pass(0.9 * AGE_MAX_MS - 100)
    expect(ended()).toBe(0)
    await pass(0.05 * AGE_MAX_MS)
    expect(ended()).toBeGreaterThan(10)
    expect(ended()).toBeLessThan(50)
    await pass(0.05 * AGE_MAX_MS + 200)
    expect(ended()).toBe(60)
    expect(sinks.filter((sink) => sink.ended === 'clean' && sink.text.endsWith(':end expired\n\n'))).toEqual(
      sinks,
    )
    expect(scene.streams.figures.streamsEnded).toMatchObject({ aged: 60, expired: 0 })
  })

  it('says so as an event, too', async () => {
    const sink = aging().open({ signals: true })
    await pass(AGE_MAX_MS + 100)
    expect(sink.text.endsWith('event:end\ndata:{"reason":"expired","reconnect":true}\n\n')).toBe(true)
  })

  it('is ended by it however often it is renewed', async () => {
    const scene = aging()
    const sink = scene.open({ session: sessionFor(30) })
    for (let renewals = 0; renewals < 8; renewals++) {
      await pass(11_000)
      expect(scene.renew({ session: sessionFor(30) })).toBe(1)
    }
    expect(sink.ended).toBeNull()
    await pass(12_100)
    expect(scene.streams.figures.streamsEnded).toMatchObject({ aged: 1, expired: 0 })
  })

  it('ends at its token’s exp if that comes first', async () => {
    const scene = aging()
    scene.open({ session: sessionFor(30) })
    await pass(30_100)
    expect(scene.streams.figures.streamsEnded).toMatchObject({ aged: 0, expired: 1 })
  })

  it('is not challenged for a token that outlasts it', async () => {
    const scene = aging()
    const [short, long] = [sessionFor(60), sessionFor(103)].map((session) => scene.open({ session }))
    await pass(0.9 * AGE_MAX_MS - 100)
    expect(short?.text).toContain('challenge')
    await pass(0.1 * AGE_MAX_MS + 200)
    expect(long?.text).not.toContain('challenge')
    expect(long?.ended).toBe('clean')
  })
})

it('a stream without one goes on', async () => {
  const scene = new StreamsScene()
  const sink = scene.open({ session: sessionFor(1_000_000) })
  await pass(10 * AGE_MAX_MS)
  expect(sink.ended).toBeNull()
  expect(said(sink)).not.toContain('end')
})
