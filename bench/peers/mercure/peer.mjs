import { goPeer } from '../go-program.mjs'

export const name = 'mercure'

export const without = { replay: 'its local transport keeps nothing' }

const HUB = '/.well-known/mercure'
const { prepare, start: startHub } = goPeer(name, HUB)

export { prepare }

/** A key is a private topic, which the client names and its token must grant. */
export async function start(task) {
  const running = await startHub(task)
  if (task.workload.selects !== undefined) return { ...running, keyParameter: 'topic' }
  return { ...running, url: `${running.url}?topic=records` }
}
