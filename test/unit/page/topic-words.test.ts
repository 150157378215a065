// What the console says of a topic, and of those that clients name in a path.

import { expect, it } from 'vitest'

interface TopicsModule {
  byPathWords(topics: { open: number; shown: number; retainedBytes: number; bytesMax: number }): string
  stateWords(topic: { trouble: string | null; isCaughtUp: boolean; isFull: boolean }): string
}

// By URL, because the page's files are plain JavaScript.
const { byPathWords, stateWords } = (await import(
  new URL('../../../public/console/topics.js', import.meta.url).href
)) as TopicsModule

it.each([
  [0, 0, ''],
  [1, 1, '1 topic open by path: 1.0 KiB of 1.0 MiB.'],
  [20, 20, '20 topics open by path: 1.0 KiB of 1.0 MiB.'],
  [21, 9, '21 topics open by path, of which 9 are shown: 1.0 KiB of 1.0 MiB.'],
])('of %i', (open, shown, words) => {
  expect(byPathWords({ open, shown, retainedBytes: 1_024, bytesMax: 1_048_576 })).toBe(words)
})

it.each([
  [{}, /^read to its end$/],
  [{ isCaughtUp: false }, /^still being read$/],
  [{ isCaughtUp: false, trouble: 'Kafka is away' }, /^Kafka is away$/],
  // Such a server is ready, and every new stream of the topic is turned away.
  [{ isFull: true }, /^full: new streams .* end as busy\. Raise the bound/],
])('of a topic %j', (state, words) => {
  expect(stateWords({ trouble: null, isCaughtUp: true, isFull: false, ...state })).toMatch(words)
})
