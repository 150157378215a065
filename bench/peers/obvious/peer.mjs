import { startInProcess } from '../in-process.mjs'

export const name = 'obvious'

export async function start(setup) {
  return { ...(await startInProcess(new URL('server.mjs', import.meta.url), setup)), compacts: true }
}
