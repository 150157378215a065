// Writes the log to standard output. A burst of lines is one write, because a write costs more than a line; warnings
// are written at once. Promise: without a reader (closed terminal, broken pipe) lines are lost and the process goes on.
// A slow reader blocks the thread, as in any program. A non-blocking pipe blocks it for 5 s at most, then the rest of
// the write is lost.

import { writeSync } from 'node:fs'

const STANDARD_OUTPUT = 1
/** How long a full non-blocking pipe is retried, and how often. */
const FULL_MS_MAX = 5000
const RETRY_MS = 10
/** How long a line waits for others to be written with it. */
const BURST_MS = 10
/** PIPE_BUF: other threads' lines may get into the middle of a longer write (pipe(7)). */
const BURST_BYTES_MAX = 4096
/** Lines of this level and above are written at once: pino's number for `warn`. */
const URGENT_LEVEL = 40
/** Tells pino to set `lastLevel` before each line. */
const WANTS_LEVEL: unique symbol = Symbol.for('pino.metadata')

/** Destinations of this thread that have waiting lines. */
const waiting = new Set<LogDestination>()
let isExitHeard = false

/** Writes all waiting lines of this thread. Call it before the thread is terminated. */
export function flushLog(): void {
  for (const destination of waiting) destination.flush()
}

export class LogDestination {
  readonly [WANTS_LEVEL] = true
  lastLevel = 0
  private readonly writeSome: (bytes: Buffer) => number
  private readonly sleep = new Int32Array(new SharedArrayBuffer(4))
  private burst = ''
  private burstBytes = 0
  private timer: NodeJS.Timeout | null = null

  /** `writeSome` writes a beginning of the bytes and returns its length, as fs.writeSync does. */
  constructor(writeSome: (bytes: Buffer) => number = (bytes) => writeSync(STANDARD_OUTPUT, bytes)) {
    this.writeSome = writeSome
  }

  /** Never throws, because a failure of the log cannot be logged. */
  write(line: string): void {
    const bytes = Buffer.byteLength(line)
    if (this.burstBytes + bytes > BURST_BYTES_MAX) this.flush()
    this.burst += line
    this.burstBytes += bytes
    if (this.lastLevel >= URGENT_LEVEL || this.burstBytes >= BURST_BYTES_MAX) this.flush()
    else if (this.timer === null) this.flushInTime()
  }

  flush(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    waiting.delete(this)
    const bytes = Buffer.from(this.burst)
    this.burst = ''
    this.burstBytes = 0
    this.writeAll(bytes)
  }

  private flushInTime(): void {
    // The timer keeps no thread alive: `exit` flushes, too.
    this.timer = setTimeout(() => this.flush(), BURST_MS).unref()
    waiting.add(this)
    if (!isExitHeard) process.on('exit', flushLog)
    isExitHeard = true
  }

  private writeAll(bytes: Buffer): void {
    let rest = bytes
    for (let waits = 0; rest.length > 0 && waits * RETRY_MS < FULL_MS_MAX; ) {
      const written = this.tryWrite(rest)
      if (written === null) return
      rest = rest.subarray(written)
      if (written > 0) continue
      Atomics.wait(this.sleep, 0, 0, RETRY_MS)
      waits++
    }
  }

  /** 0 if the pipe is full; null if nothing can be written any more (EIO, EPIPE and the like). */
  private tryWrite(bytes: Buffer): number | null {
    try {
      return this.writeSome(bytes)
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 0 : null // Node's own for system calls
    }
  }
}
