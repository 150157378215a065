// Listening sockets that a supervisor has opened, as systemd's socket units do (sd_listen_fds(3)). The port stays open
// while the server restarts, and may be one that the server itself is not allowed to open.

import { quoted } from '../text/quoted.ts'

/** The first descriptor that is handed over (SD_LISTEN_FDS_START). */
const FIRST_DESCRIPTOR = 3
/** Sockets that are accepted. A service has few addresses. */
const SOCKETS_MAX = 16

/** Their descriptors; null if none are for this process. Throws an error that says what is wrong with LISTEN_FDS. */
export function inheritedSockets(env: NodeJS.ProcessEnv, pid: number): readonly number[] | null {
  const { LISTEN_FDS: count, LISTEN_PID: receiver } = env
  if (count === undefined || receiver !== String(pid)) return null
  if (!/^\d+$/.test(count) || Number(count) < 1 || Number(count) > SOCKETS_MAX)
    throw new Error(`LISTEN_FDS is a number from 1 to ${SOCKETS_MAX}, not ${quoted(count)}`)
  return Array.from({ length: Number(count) }, (_, index) => FIRST_DESCRIPTOR + index)
}
