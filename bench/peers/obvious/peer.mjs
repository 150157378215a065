import { startInProcess } from '../in-process.mjs'

export const name = 'obvious'

export async function start(setup) {
  const running = await startInProcess(new URL('server.mjs', import.meta.url), setup)
  return { ...running, compacts: true, keyParameter: keyParameterOf(setup.workload) }
}

/** The token says which keys the client gets, unless the client may choose them. */
function keyParameterOf({ selects }) {
  return selects?.by === 'client' ? 'key' : undefined
}
