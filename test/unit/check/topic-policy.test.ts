// What is said of a topic by its settings, or by its records where Kafka does not tell the settings.

import { expect, test } from 'vitest'
import { controlDoubts, doubtsOf } from '../../../src/check/topic-policy.ts'
import type { TopicSample } from '../../../src/check/topic-sample.ts'

const SAMPLE: TopicSample = {
  partitions: [{ partition: 0, leader: 1 }],
  bounds: [{ partition: 0, start: 0, end: 9 }],
  failure: null,
  silent: [],
  records: 9,
  withoutKey: 0,
  longestHole: 0,
}
const LATEST = { name: 'a', isLatest: true, isWhole: false, isByPath: false }
const WHOLE = { name: 'a', isLatest: false, isWhole: true, isByPath: false }
const SERVER = { deleteRetentionSeconds: 86_400, codecs: ['gzip'] }
const COMPACTED = { 'cleanup.policy': 'compact', 'delete.retention.ms': '86400000' }

const words = (sample: Partial<TopicSample>, settings: Record<string, string> | null, topic = LATEST) =>
  doubtsOf({ ...SAMPLE, ...sample }, settings && new Map(Object.entries(settings)), topic, SERVER).map(
    ({ verdict, words }) => `${verdict}: ${words}`,
  )

test('settings that fit say nothing', () => {
  expect(words({}, COMPACTED)).toEqual([])
  expect(words({}, { 'cleanup.policy': 'delete', 'retention.ms': '1000' }, WHOLE)).toEqual([])
  // Its records may look otherwise.
  expect(words({ longestHole: 5, bounds: [{ partition: 0, start: 3, end: 9 }] }, COMPACTED)).toEqual([])
})

test('a setting that is not told says nothing', () => {
  expect(words({}, { 'cleanup.policy': 'compact' })).toEqual([])
})

test('a topic for both replays is wrong for one of them', () => {
  expect(words({}, COMPACTED, { ...WHOLE, isLatest: true })).toEqual(['warn: its cleanup.policy is compact'])
})

test('a compacted topic that is deleted from, too, loses keys by age or by size', () => {
  const policy = (settings: Record<string, string>) =>
    words({}, { ...COMPACTED, 'cleanup.policy': 'compact,delete', ...settings })
  const begins = 'warn: its cleanup.policy is compact,delete, so'
  expect(policy({ 'retention.ms': '-1', 'retention.bytes': '-1' })).toEqual([])
  expect(policy({ 'retention.ms': '864000000', 'retention.bytes': '-1' })).toEqual([
    `${begins} keys that do not change for 10 days are lost`,
  ])
  expect(policy({ 'retention.ms': '-1', 'retention.bytes': '1000' })).toEqual([
    `${begins} the oldest keys of a partition over 1000 bytes are lost`,
  ])
})

test('a compression counts that is the topic’s own and that the build lacks', () => {
  const compressed = (type: string) => words({}, { ...COMPACTED, 'compression.type': type })
  for (const type of ['gzip', 'producer', 'uncompressed']) expect(compressed(type)).toEqual([])
  expect(compressed('zstd')).toEqual([
    'fail: its compression.type is zstd, which this build of librdkafka cannot read',
  ])
})

test('without settings the records say it in part', () => {
  expect(words({}, null)).toEqual([])
  expect(words({ withoutKey: 2 }, null)).toEqual(['warn: 2 of 9 records have no key'])
  expect(words({ bounds: [{ partition: 3, start: 7, end: 9 }] }, null)).toEqual([
    'warn: partition 3 begins at offset 7, so records were deleted by age or size',
  ])
  // Markers of transactions.
  expect(words({ longestHole: 1 }, null, WHOLE)).toEqual([])
  expect(words({ longestHole: 2 }, null, WHOLE)).toEqual([
    'warn: 2 offsets in a row are missing, so it is compacted, or transactions were aborted',
  ])
})

test('a control topic by docs/control-topic.md is right, and one that Kafka does not tell of is not doubted', () => {
  const right = { 'cleanup.policy': 'delete', 'retention.ms': '604800000', 'retention.bytes': '-1' }
  expect(controlDoubts(new Map(Object.entries(right)))).toEqual([])
  expect(controlDoubts(new Map([['retention.ms', '-1']]))).toEqual([])
  expect(controlDoubts(null)).toEqual([])
})
