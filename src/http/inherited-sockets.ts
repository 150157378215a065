// Listening sockets that a supervisor has opened, as systemd's socket units do (sd_listen_fds(3)): the port is held while the
// server starts anew, and may be one that the server itself could not open.

/** Where the descriptors begin that are handed over. */
const FIRST_DESCRIPTOR = 3
/** Addresses of one service are few. */
const SOCKETS_MAX = 16

/**
 * Their descriptors; null where none are for this process. Throws an error that names what is wrong with LISTEN_FDS.
 */
export function inheritedSockets(env: NodeJS.ProcessEnv, pid: number): readonly number[] | null {
  const { LISTEN_FDS: count, LISTEN_PID: receiver } = env
  if (count === undefined || receiver !== String(pid)) return null
  if (!/^\d+$/.test(count) || Number(count) < 1 || Number(count) > SOCKETS_MAX)
    throw new Error(`LISTEN_FDS is a number from 1 to ${SOCKETS_MAX}, not ${JSON.stringify(count)}`)
  return Array.from({ length: Number(count) }, (_, index) => FIRST_DESCRIPTOR + index)
}
