import { startInProcess } from '../in-process.mjs'

export const name = 'bare'

/** It verifies no token, so the client always says which keys it selects. */
export async function start(setup) {
  return { ...(await startInProcess(new URL('server.mjs', import.meta.url), setup)), keyParameter: 'key' }
}
