// What a client’s id says at a server, and which gap it is owed there: by the model’s account of that server and by
// Kafka’s answers since, never by what the server says.

import type { Position } from '../../src/bus/position.ts'
import type { Watermarks } from '../../src/bus/record.ts'
import type { GapReason } from '../../src/stream/signals.ts'
import type { Selection } from './selection.ts'
import type { Server } from './server.ts'

export class Claim {
  readonly position: Position
  private readonly server: Server
  private readonly selection: Selection
  /** Answers from before the id came say nothing about it. */
  private readonly answersBefore: number

  constructor(position: Position, server: Server, selection: Selection) {
    this.selection = selection
    this.position = position
    this.server = server
    this.answersBefore = server.answered.length
  }

  /** The stream begins, after this gap or none. */
  expect(said: GapReason | null): void {
    const owed = this.server.viewAccount.gapFor(this.position)
    if (said === owed) return
    if (said === null) throw new Error(`${owed} is due, and was not said`)
    if (said === 'too-old' && this.isBehindStart) return
    if (said === 'deletes-dropped' && this.mayHideLeaving) return
    if (said === (this.server.isViewRemade ? 'recreated' : 'beyond-end') && this.isBeyondEnd) return
    throw new Error(`${said} was said, ${owed ?? 'nothing'} is due`)
  }

  /** The id was trusted, and this gap comes in the middle of the stream. */
  expectInDoubt(said: 'beyond-end' | 'too-old'): void {
    if (said === 'too-old' ? !this.isBehindStart : !this.isBeyondEnd)
      throw new Error(`${said} was said in mid-stream, and Kafka has not`)
  }

  /** The id is honoured for good: no partition ends before it. */
  expectHonoured(): void {
    const { server } = this
    if (!server.isViewCurrent) return
    for (const [partition, offset] of this.position)
      if (offset > (server.viewLogs[partition]?.end ?? -1))
        throw new Error('beyond-end is due, and was not said')
  }

  /** Whether Kafka tells of each partition in which the server is behind the id. */
  get isTold(): boolean {
    const { isViewCurrent, viewLogs } = this.server
    return isViewCurrent && this.ahead.every(([partition]) => viewLogs[partition]?.isSilent === false)
  }

  /** Partitions in which the server's streams are still behind the id: what they have read proves that it exists. */
  get ahead(): [number, number][] {
    const { view } = this.server
    return [...this.position].filter(([partition, offset]) => {
      const reached = view.nextOffset(partition)
      return reached === undefined || reached < offset
    })
  }

  /** Whether the client may keep keys that have left its selection. */
  private get mayHideLeaving(): boolean {
    return !this.selection.isStable && this.server.viewLeavings.mayHideFrom(this.position)
  }

  private get isBeyondEnd(): boolean {
    return this.ahead.some(([partition, offset]) =>
      this.hasBeenTold(partition, (marks) => marks === undefined || offset > marks.end),
    )
  }

  /** Of a partition that it has yet to read, the server knows what Kafka has told. */
  private get isBehindStart(): boolean {
    return [...this.position].some(
      ([partition, offset]) =>
        offset > 0 &&
        !this.server.viewAccount.hasBegun(partition) &&
        this.hasBeenTold(partition, (marks) => marks !== undefined && offset < marks.start),
    )
  }

  private hasBeenTold(partition: number, says: (marks: Watermarks | undefined) => boolean): boolean {
    return this.server.answered.slice(this.answersBefore).some((answer) => {
      const marks = answer.get(partition)
      return marks !== null && says(marks)
    })
  }
}
