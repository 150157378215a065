import { goPeer } from '../go-program.mjs'

export const name = 'centrifuge'

export const without = { replay: 'history comes in one reply, not as events' }

const { prepare, start: startNode } = goPeer(name, '/events')

export { prepare }

/** A key is a channel. The token says which ones the client gets, unless the client may choose them. */
export async function start(task) {
  const keyParameter = task.workload.selects?.by === 'client' ? 'key' : undefined
  return { ...(await startNode(task)), keyParameter }
}
