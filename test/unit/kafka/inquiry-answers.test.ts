// What an inquiry makes of librdkafka's lines, as librdkafka 2.12.0 writes them.

import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { BlockingLock } from '../../../plugins/kafka/client/blocking-lock.ts'
import { inquire } from '../../../plugins/kafka/troubles/inquiry.ts'
import { InquiryAnswers } from '../../../plugins/kafka/troubles/inquiry-answers.ts'
import { hasKafkaFeatures } from '../../support/programs.ts'

const CAN_LOG_IN = hasKafkaFeatures('a client that has to have a token', 'sasl_oauthbearer')
const NODE = '[thrd:sasl_ssl://h:1/1]: sasl_ssl://h:1/1: '
const DENIED = Object.assign(new Error('Broker: Topic authorization failed'), { code: 29 })

function asked(...partitions: readonly (readonly [topic: string, partition: number])[]) {
  return new InquiryAnswers(partitions.map(([topic, partition]) => ({ topic, partition, offset: 0 })))
}

function plain(reasons: ReturnType<InquiryAnswers['reasons']>) {
  return Object.fromEntries([...reasons].map(([topic, found]) => [topic, Object.fromEntries(found)]))
}

describe('An inquiry', () => {
  it('names the partition that may not be read, and those that were', () => {
    const answers = asked(['a.b-c_', 7], ['a.b-c_', 8], ['d', 0], ['silent', 0])
    answers.onLog(`${NODE}a.b-c_ [7]: Fetch failed at offset 0 (leader epoch -1): TOPIC_AUTHORIZATION_FAILED`)
    answers.onRecord('a.b-c_', { partition: 8 })
    answers.onEnd('d', 0)
    expect(answers.isComplete).toBe(false)
    expect(plain(answers.reasons(DENIED))).toEqual({
      'a.b-c_': {
        7: 'this principal may not Read topic a.b-c_: Broker: Topic authorization failed',
        8: null,
      },
      d: { 0: null },
    })
  })

  it.each([
    ['1', 'compressed with gzip, and librdkafka was built without it (`kafka-sse features`'],
    ['4', 'compressed with zstd, and librdkafka was built without it (`kafka-sse features`'],
    ['7', 'compressed with a compression that librdkafka does not know (7)'],
  ])('names the codec 0x%s, and the offset', (codec, words) => {
    const answers = asked(['a', 0])
    answers.onLog(
      `${NODE}a [0]: Message at offset 12 with unsupported compression codec 0x${codec}: message ignored`,
    )
    expect(answers.isComplete).toBe(true)
    expect(plain(answers.reasons(null)).a?.[0]).toContain(`its records from offset 12 on are ${words}`)
  })

  it.each(['NOT_LEADER_OR_FOLLOWER', 'KAFKA_STORAGE_ERROR', 'OFFSET_OUT_OF_RANGE', 'UNKNOWN_TOPIC_ID'])(
    'leaves %s to the refresh',
    (name) => {
      const answers = asked(['a', 0])
      answers.onLog(`${NODE}a [0]: Fetch failed at offset 0 (leader epoch -1): ${name}`)
      expect(plain(answers.reasons(null))).toEqual({})
    },
  )

  it('takes a line of the end of a partition, which librdkafka calls a failure, for a sign that it can be read', () => {
    const answers = asked(['a', 0], ['b', 0])
    answers.onLog(`${NODE}a [0]: Fetch failed at offset 0 (leader epoch -1): _PARTITION_EOF`)
    answers.onLog(`${NODE}b [0]: Fetch failed at offset 0 (leader epoch -1): TOPIC_AUTHORIZATION_FAILED`)
    expect(plain(answers.reasons(DENIED))).toEqual({
      a: { 0: null },
      b: { 0: 'this principal may not Read topic b: Broker: Topic authorization failed' },
    })
  })

  it('hears of records and ends by functions that are called alone, as the consumer calls them', () => {
    const answers = asked(['a', 0], ['b', 0])
    const { onRecord, onEnd } = answers
    onRecord('a', { partition: 0 })
    onEnd('b', 0)
    expect(plain(answers.reasons(null))).toEqual({ a: { 0: null }, b: { 0: null } })
  })

  it.skipIf(!CAN_LOG_IN)('ends with its reader, also while it waits for a token', async () => {
    const config = { 'security.protocol': 'sasl_plaintext', 'sasl.mechanism': 'OAUTHBEARER' }
    const options = { bootstrapServers: '127.0.0.1:1', config, token: () => new Promise<never>(() => {}) }
    const closing = new AbortController()
    const lock = new BlockingLock(() => performance.now())
    const asked = inquire(options, [], lock, 'read_committed', closing.signal)
    closing.abort()
    await expect(asked).rejects.toThrow('aborted')
    expect(getEventListeners(closing.signal, 'abort')).toEqual([])
  })

  it('blames no silent partition for a topic that is gone, which the refresh tells', () => {
    const gone = Object.assign(new Error('Broker: Unknown topic or partition'), { code: 3 })
    expect(plain(asked(['gone', 0], ['silent', 0]).reasons(gone))).toEqual({})
  })

  it('blames those that told nothing for an error that no line names', () => {
    const broken = Object.assign(new Error('Local: Bad message format'), { code: -199 })
    const answers = asked(['a', 0], ['a', 1])
    answers.onEnd('a', 0)
    expect(plain(answers.reasons(broken))).toEqual({ a: { 0: null, 1: 'Local: Bad message format' } })
    expect(plain(asked(['a', 0], ['b', 0]).reasons(broken))).toEqual({
      a: { 0: 'one of them has an error: Local: Bad message format' },
      b: { 0: 'one of them has an error: Local: Bad message format' },
    })
  })
})
