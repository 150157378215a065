// Where the log's lines go: standard output, a line in one write. Promise: a reader that is gone (its terminal was closed, its
// pipe broke) loses the lines, and the process goes on; one that is slow is waited for, as any program's output is.

import { writeSync } from 'node:fs'

const STANDARD_OUTPUT = 1
/** A pipe that does not block and is full: how long it has to be emptied, and how often it is tried. */
const FULL_MS_MAX = 5000
const RETRY_MS = 10

export class LogDestination {
  private readonly writeSome: (bytes: Buffer) => number
  private readonly sleep = new Int32Array(new SharedArrayBuffer(4))

  /** `writeSome` writes a beginning of the bytes and returns its length, as fs.writeSync does. */
  constructor(writeSome: (bytes: Buffer) => number = (bytes) => writeSync(STANDARD_OUTPUT, bytes)) {
    this.writeSome = writeSome
  }

  /** Never throws: nothing that fails here could be told anywhere else. */
  write(line: string): void {
    let rest: Buffer = Buffer.from(line)
    for (let waits = 0; rest.length > 0 && waits * RETRY_MS < FULL_MS_MAX; ) {
      const written = this.tryWrite(rest)
      if (written === null) return
      rest = rest.subarray(written)
      if (written > 0) continue
      Atomics.wait(this.sleep, 0, 0, RETRY_MS)
      waits++
    }
  }

  /** 0 where it is full, null where nothing can be written any more: EIO, EPIPE and the like. */
  private tryWrite(bytes: Buffer): number | null {
    try {
      return this.writeSome(bytes)
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 0 : null // Node's own for system calls
    }
  }
}
