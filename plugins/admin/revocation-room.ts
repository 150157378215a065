// Tells in the log when there is no room for more revocations, and when there is again. Every other reason of readiness
// has a line where it comes from.

import type { Parts } from '../../src/admin/readiness.ts'

interface RoomLog {
  info(line: string): void
  warn(line: string): void
}

const LOOKED_EVERY_MS = 1_000

export class RevocationRoom {
  private readonly revocations: Pick<Parts['streams']['revocations'], 'isFull'>
  private readonly log: RoomLog
  private readonly timer: NodeJS.Timeout
  private wasFull = false

  constructor(revocations: RevocationRoom['revocations'], log: RoomLog) {
    this.revocations = revocations
    this.log = log
    this.timer = setInterval(() => this.look(), LOOKED_EVERY_MS).unref()
  }

  close(): void {
    clearInterval(this.timer)
  }

  private look(): void {
    const { isFull } = this.revocations
    if (isFull === this.wasFull) return
    this.wasFull = isFull
    if (isFull) this.log.warn('there is no room for more revocations: no stream opens')
    else this.log.info('there is room for revocations again')
  }
}
