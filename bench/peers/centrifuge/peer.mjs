import { goPeer } from '../go-program.mjs'

export const name = 'centrifuge'

export const without = { replay: 'history comes in one reply, not as events' }

export const { prepare, start } = goPeer(name, '/events')
