import { startInProcess } from '../in-process.mjs'

export const name = 'bare'

export const start = (setup) => startInProcess(new URL('server.mjs', import.meta.url), setup)
