import { startInProcess } from '../in-process.mjs'

export const name = 'obvious'

export const start = (setup) => startInProcess(new URL('server.mjs', import.meta.url), setup)
