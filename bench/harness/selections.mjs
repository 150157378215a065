// Which keys each client selects, if a workload's clients do. They are the same in every run. The token grants them, so
// that a peer can do as it would with private data; if the client chooses, they also stand in the URL.

import { nameOfKey } from '../workloads/record.mjs'
import { VALID_MS } from './credentials.mjs'

/**
 * @typedef {object} Selections what the load generator is to do: flags of bench/load/settings.go
 * @property {string} selections file with the numbers of each client's keys
 * @property {string} tokens file of tokens, for each client
 * @property {number} keys
 * @property {number} stride
 */

const SEED = 20_240_229

/**
 * Every token has the claim `keys`, and Mercure's own claim with the same. If clients choose their keys, tokens have no
 * such list: Mercure's claim then grants all, and the other peers need none.
 * @param {import('../workloads/workloads.mjs').Workload} workload
 * @param {import('./credentials.mjs').Credentials} credentials
 * @returns {Promise<Selections | null>} null for a workload whose clients get every record
 */
export async function makeSelections({ name, selects, keys, stride, steps }, credentials) {
  if (selects === undefined) return null
  const clients = steps.at(-1)
  const chosen = chooseKeys(selects, keys, clients)
  const expiresAt = new Date(Date.now() + VALID_MS)
  const tokens = chosen.map((own, client) => ({ client, expiresAt, claims: claimsOf(selects, own) }))
  return {
    selections: credentials.writeLines(
      `${name}-selections.txt`,
      chosen.map((own) => own.join(',')),
    ),
    tokens: await credentials.writeTokens(`${name}-tokens.txt`, tokens),
    keys,
    stride,
  }
}

function claimsOf({ by }, own) {
  if (by === 'client') return { mercure: { subscribe: ['*'] } }
  const names = own.map(nameOfKey)
  return { keys: names, mercure: { subscribe: names } }
}

/** Numbers of different keys for each client: the client's own, or at random. */
function chooseKeys({ keysEach, isOwn }, keys, clients) {
  const random = randomNumbers(SEED)
  return Array.from({ length: clients }, (_, client) => {
    if (isOwn) return [client % keys]
    const own = new Set()
    while (own.size < keysEach) own.add(Math.floor(random() * keys))
    return [...own]
  })
}

/** Mulberry32: a small generator whose numbers, from 0 to 1, are the same on every machine. */
function randomNumbers(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
