// What leaders are asked. Partitions that are refused do not delay the answers for the others.

import { beforeEach, describe, expect, it } from 'vitest'
import type { TopicOffsets, TopicPartition } from '../../../plugins/kafka/client/questions.ts'
import { LeaderQuestions } from '../../../plugins/kafka/following/watermarks.ts'

const PARTITIONS = 1_000

describe('questions to leaders of which some refuse partitions', () => {
  let isRefused: (partition: number) => boolean
  let isSilent: boolean
  /** How many partitions each question was for. */
  let questions: number[]
  let leaders: LeaderQuestions

  const offsets = async (asked: readonly TopicPartition[]): Promise<TopicOffsets> => {
    questions.push(asked.length)
    if (isSilent) throw Object.assign(new Error('Local: Timed out'), { code: -185 })
    if (asked.some(({ partition }) => isRefused(partition)))
      throw Object.assign(new Error('Broker: Not leader for partition'), { code: 6 })
    return new Map([['t', new Map(asked.map(({ partition }) => [partition, 1]))]])
  }
  /** One look: which partitions were told. */
  const look = async (leader = 1, count = PARTITIONS): Promise<Set<number>> => {
    questions = []
    const all = Array.from({ length: count }, (_, partition) => ({ topic: 't', partition, leader }))
    const seen = new Set<number>()
    await leaders.ask(all, (told) => {
      for (const partition of told.get('t')?.keys() ?? []) seen.add(partition)
    })
    return seen
  }
  /** Partitions that some look told. */
  const looks = async (count: number): Promise<Set<number>> => {
    const seen = new Set<number>()
    for (let at = 0; at < count; at++) for (const partition of await look()) seen.add(partition)
    return seen
  }

  beforeEach(() => {
    isSilent = false
    leaders = new LeaderQuestions({ starts: offsets, ends: offsets })
  })

  it.each([
    [5, 200, 2],
    [20, 50, 4],
    [40, 25, 7],
    [100, 10, 13],
  ])('tell all the others, be it %i among them, every %ith', async (refused, every, count) => {
    isRefused = (partition) => partition % every === 0
    expect((await looks(count)).size).toBe(PARTITIONS - refused)
    // From then on the others take the two questions that they would take without them.
    expect((await look()).size).toBe(PARTITIONS - refused)
    expect(questions.filter((partitions) => partitions === PARTITIONS - refused)).toHaveLength(2)
    expect(questions.length).toBeLessThanOrEqual(2 + 1 + 32)
  })

  it('ask for refused partitions again as soon as they are due, one or all at once', async () => {
    isRefused = (partition) => partition % 10 === 0
    await looks(13)
    isRefused = (partition) => partition % 10 === 0 && partition !== 500
    expect(await looks(4)).toContain(500)
    isRefused = () => false
    expect((await look()).size).toBe(PARTITIONS)
    expect(questions).toEqual([901, 901, 99, 99])
    await look()
    expect(questions).toEqual([1_000, 1_000])
  })

  it('do not answer for what another leader refused', async () => {
    isRefused = (partition) => partition === 3
    await look(1)
    isRefused = () => false
    await look(2)
    expect(questions).toEqual([1_000, 1_000])
  })

  it('refuse nothing if they do not answer', async () => {
    isRefused = (partition) => partition === 3
    await look()
    isSilent = true
    await look()
    expect(questions).toEqual([999])
    isSilent = false
    isRefused = () => false
    await look()
    expect(questions).toEqual([999, 999, 1, 1])
  })

  it.each([1, 3])(
    'are asked again after a silence, even if all of their %i partitions are refused',
    async (count) => {
      isRefused = () => true
      await look(1, count)
      isSilent = true
      await look(1, count)
      expect(questions).toEqual([count])
      isSilent = false
      isRefused = () => false
      expect((await look(1, count)).size).toBe(count)
    },
  )
})
