// What the page says of an open stream that brings nothing: for how long, and where to look.

import { expect, it } from 'vitest'

interface Silence {
  opened(nowMs: number): void
  heard(event: { type: string; data: string }, nowMs: number): void
  ended(): void
  tell(nowMs: number): { words: string; advice: string } | null
}

// By URL, because the page's files are plain JavaScript.
const { Silence } = (await import(new URL('../../../public/page/silence.js', import.meta.url).href)) as {
  Silence: new () => Silence
}
const RECORD = { type: 'message', data: 'a' }
const READY = { type: 'ready', data: '{}' }

it('is told from ten seconds without a record on, while the stream is open', () => {
  const silence = new Silence()
  expect(silence.tell(60_000)).toBeNull()
  silence.heard(RECORD, 60_000)
  expect(silence.tell(90_000)).toBeNull()
  silence.opened(100_000)
  expect(silence.tell(109_999)).toBeNull()
  expect(silence.tell(110_000)?.words).toBe('· no record for 10 s')
  silence.heard(RECORD, 110_000)
  expect(silence.tell(119_000)).toBeNull()
  expect(silence.tell(110_000 + 12 * 60_000)?.words).toBe('· no record for 12 min')
  silence.ended()
  expect(silence.tell(9e6)).toBeNull()
})

it('is another one before all is there that Kafka held', () => {
  const silence = new Silence()
  const advice = () => silence.tell(20_000)?.advice
  silence.opened(0)
  expect(advice()).toMatch(
    /^What Kafka held is still being read, or .*Kafka: its \/health\/ready says which\.$/,
  )
  silence.heard(READY, 1)
  expect(advice()).toMatch(/^None was written, or /)
  silence.heard({ type: 'gap', data: 'too-large' }, 2)
  expect(advice()).toMatch(/^None was written, or /)
  silence.heard({ type: 'gap', data: 'recreated' }, 3)
  expect(advice()).toMatch(/^What Kafka held is still/)
  silence.heard(READY, 4)
  silence.opened(5)
  expect(advice()).toMatch(/^What Kafka held is still/)
})
