// Asks each leader for the watermarks of its partitions, in all topics at once: two questions for each leader. If a
// leader does not answer, only its own partitions get no watermarks. It is asked last from then on, and so is a
// partition that its leader refuses.

import type { Watermarks } from '../../../src/bus/record.ts'
import { codeOf } from '../client/kafka-error.ts'
import type { TopicOffsets, TopicPartition } from '../client/questions.ts'
import { type LedPartition, RefusedPartitions } from './refused-partitions.ts'

/** Watermarks of some partitions of some topics. */
export type TopicMarks = Map<string, Map<number, Watermarks>>

/** Both reject if the leader does not answer, or answers with an error for one of the partitions. */
export interface OffsetSource {
  starts(partitions: readonly TopicPartition[], timeoutMs: number): Promise<TopicOffsets>
  ends(partitions: readonly TopicPartition[], timeoutMs: number): Promise<TopicOffsets>
}

/** Time for a leader's answer. A leader that was silent the last time gets more. */
const ANSWER_MS = 1_000
const ANSWER_SILENT_MS = 2_000
/** Partitions in one question. With more, node-rdkafka's conversion of the answer would block the event loop. */
const ASKED_MAX = 1_000
/** Most questions in place of one that contains refused partitions, because librdkafka drops its whole answer. */
const QUESTIONS_MAX = 64
/** Refused partitions that one refresh asks again, one by one. */
const REFUSED_ASKED_MAX = 32

/** A leader, and how many more questions it may be asked in place of one that failed. */
interface Question {
  readonly leader: number
  left: number
}

const SILENT_CODES = new Set([
  -185, // ERR__TIMED_OUT
  -187, // ERR__ALL_BROKERS_DOWN
  -195, // ERR__TRANSPORT
  7, // REQUEST_TIMED_OUT
])

export class LeaderQuestions {
  private readonly source: OffsetSource
  /** Leaders that did not answer the last question. At most as many as there are brokers. */
  private readonly silent = new Set<number>()
  /** One partition of each leader that was asked. At most as many as there are brokers. */
  private readonly known = new Map<number, LedPartition>()
  private readonly refused = new RefusedPartitions()

  constructor(source: OffsetSource) {
    this.source = source
  }

  /** Hands over each leader's answer as it comes. Rejects only if `onAnswer` throws. */
  async ask(partitions: readonly LedPartition[], onAnswer: (answer: TopicMarks) => unknown): Promise<void> {
    for (const [leader, led] of this.inOrder(byLeader(partitions))) {
      if (led[0] !== undefined) this.known.set(leader, led[0])
      const { others, refused } = this.refused.split(led)
      for (let at = 0; at < others.length; at += ASKED_MAX) {
        const question = { leader, left: QUESTIONS_MAX }
        await this.askOne(question, others.slice(at, at + ASKED_MAX), onAnswer)
        if (this.silent.has(leader)) break
      }
      if (others.length === 0 || !this.silent.has(leader)) await this.askRefused(leader, refused, onAnswer)
    }
  }

  /** Asks the leaders that answered so far, until one does not answer. That leader counts as silent from now on. */
  async findSilent(): Promise<void> {
    for (const [leader, partition] of [...this.known]) {
      if (this.silent.has(leader)) continue
      await this.marksOf(leader, [partition])
      if (this.silent.has(leader)) return
    }
  }

  private inOrder(led: ReadonlyMap<number, LedPartition[]>): [number, LedPartition[]][] {
    const isSilent = ([leader]: [number, unknown]) => Number(this.silent.has(leader))
    return [...led].sort((a, b) => isSilent(a) - isSilent(b))
  }

  /** False if a partition got no answer. `isRefused`: one of `led` is known to be refused. */
  private async askOne(
    question: Question,
    led: readonly LedPartition[],
    onAnswer: (answer: TopicMarks) => unknown,
    isRefused = false,
  ): Promise<boolean> {
    if (led.length === 0) return true
    if (question.left <= 0) return false
    if (led.length === 1 || !isRefused) {
      question.left--
      const answer = await this.marksOf(question.leader, led)
      if (answer !== null) {
        await onAnswer(answer)
        return true
      }
      if (this.silent.has(question.leader)) return false
    }
    if (led.length === 1) this.noteRefused(led)
    else await this.askHalves(question, led, onAnswer)
    return false
  }

  private async askHalves(
    question: Question,
    led: readonly LedPartition[],
    onAnswer: (answer: TopicMarks) => unknown,
  ): Promise<void> {
    const middle = led.length >> 1
    const isAnswered = await this.askOne(question, led.slice(0, middle), onAnswer)
    if (this.silent.has(question.leader)) return
    await this.askOne(question, led.slice(middle), onAnswer, isAnswered)
  }

  private noteRefused(partitions: readonly LedPartition[]): void {
    for (const partition of partitions) this.refused.note(partition)
  }

  /**
   * All refused partitions may be answered by now, for example after a leader has moved. If not, each takes a question
   * of its own.
   */
  private async askRefused(
    leader: number,
    refused: readonly LedPartition[],
    onAnswer: (answer: TopicMarks) => unknown,
  ): Promise<void> {
    if (refused.length === 0) return
    if (await this.askAgain(leader, refused.slice(0, ASKED_MAX), onAnswer)) return
    if (refused.length === 1 || this.silent.has(leader)) return
    for (const partition of refused.slice(0, REFUSED_ASKED_MAX)) {
      if (!(await this.askAgain(leader, [partition], onAnswer))) this.refused.note(partition)
      if (this.silent.has(leader)) return
    }
  }

  private async askAgain(
    leader: number,
    refused: readonly LedPartition[],
    onAnswer: (answer: TopicMarks) => unknown,
  ): Promise<boolean> {
    const answer = await this.marksOf(leader, refused)
    if (answer === null) return false
    for (const partition of refused) this.refused.forget(partition)
    await onAnswer(answer)
    return true
  }

  /** null if the leader does not answer, or if librdkafka drops its answer because of one partition's error. */
  private async marksOf(leader: number, led: readonly LedPartition[]): Promise<TopicMarks | null> {
    const timeoutMs = this.silent.has(leader) ? ANSWER_SILENT_MS : ANSWER_MS
    try {
      const starts = await this.source.starts(led, timeoutMs)
      const ends = await this.source.ends(led, timeoutMs)
      this.silent.delete(leader)
      return marksOf(starts, ends)
    } catch (error) {
      if (SILENT_CODES.has(codeOf(error))) this.silent.add(leader)
      else this.silent.delete(leader)
      return null
    }
  }
}

function byLeader(partitions: readonly LedPartition[]): Map<number, LedPartition[]> {
  const led = new Map<number, LedPartition[]>()
  for (const partition of partitions) {
    const others = led.get(partition.leader)
    if (others === undefined) led.set(partition.leader, [partition])
    else others.push(partition)
  }
  return led
}

function marksOf(starts: TopicOffsets, ends: TopicOffsets): TopicMarks {
  const marks: TopicMarks = new Map()
  for (const [topic, offsets] of ends) {
    const begins = starts.get(topic)
    const known = new Map<number, Watermarks>()
    for (const [partition, end] of offsets) {
      const start = begins?.get(partition)
      if (start !== undefined) known.set(partition, { start, end })
    }
    marks.set(topic, known)
  }
  return marks
}
