import { goPeer } from '../go-program.mjs'

export const name = 'mercure'

export const without = { replay: 'its local transport keeps nothing' }

export const { prepare, start } = goPeer(name, '/.well-known/mercure?topic=records')
