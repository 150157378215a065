// Tells systemd what the service does, for units of Type=notify (sd_notify(3)). The messages go to a datagram socket,
// which Node does not have, so systemd's own program sends them. Promise: nothing waits for it or fails without it.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { errorCode, errorWords } from '../errors.ts'

export interface SystemdNotice {
  ready(port: number): void
  /** Between this and the next `ready` the settings are read again. */
  reloading(): void
  stopping(): void
}

const PROGRAM = 'systemd-notify'
/** A manager that does not answer is not waited for. */
const TOLD_MS = 5000

/** That of this process. Without one, or under another one, nothing is told. */
export function systemdNotice(
  { NOTIFY_SOCKET }: NodeJS.ProcessEnv,
  log: { warn(about: { reason: string }, words: string): void },
): SystemdNotice {
  if (!NOTIFY_SOCKET) return { ready() {}, reloading() {}, stopping() {} }
  let last: Promise<unknown> = Promise.resolve()
  let hasFailed = false
  let isStopping = false
  const tell = (...message: string[]) => {
    const isLast = isStopping
    // One after the other, because systemd takes them in the order in which they come. The end overtakes what still
    // waits, such as a reload that is not over: a service that ends is not ready again.
    last = last
      .then(async () => {
        if (isLast === isStopping) await promisify(execFile)(PROGRAM, message, { timeout: TOLD_MS })
      })
      .catch((error) => {
        if (!hasFailed) log.warn({ reason: errorCode(error) ?? errorWords(error) }, 'systemd cannot be told')
        hasFailed = true
      })
  }
  return {
    ready: (port) => {
      if (!isStopping) tell('READY=1', `STATUS=listening at port ${port}`)
    },
    // Type=notify-reload needs the time, by the clock that hrtime reads.
    reloading: () => {
      if (!isStopping) tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
    },
    stopping: () => {
      isStopping = true
      tell('STOPPING=1', 'STATUS=ending its streams')
    },
  }
}
