// Several issuers of a CONFIG_FILE in a real process, with one thread and with workers. Needs `npm run build`.

import { afterEach, beforeEach, expect, it } from 'vitest'
import { CommandScene, LOCAL_SETTINGS } from '../support/command-process.ts'
import {
  AUDIENCE,
  ISSUER,
  jwksOf,
  type KeyServer,
  makeKey,
  mintToken,
  startKeyServer,
} from '../support/keys-and-tokens.ts'

const PARTNER = 'https://partner.example.org/'
const ours = makeKey('ES256', 'ours')
const theirs = makeKey('ES256', 'theirs')
let scene: CommandScene
let provider: KeyServer

beforeEach(async () => {
  scene = CommandScene.open()
  provider = await startKeyServer(jwksOf(ours))
})
afterEach(async () => {
  await scene.close()
  await provider.close()
})

it.each(['1', '2'])(
  'are trusted by every thread, whose keys are fetched once, with WORKERS=%s',
  async (WORKERS) => {
    const issuers = [
      { issuer: ISSUER, audiences: [AUDIENCE], keys: provider.url },
      { issuer: PARTNER, clients: ['reader'], keys: jwksOf(theirs), require: { ver: 2 } },
    ]
    const CONFIG_FILE = scene.file('issuers.json', JSON.stringify({ auth: { issuers } }))
    const { port } = await scene.start(['serve'], { ...LOCAL_SETTINGS, WORKERS, CONFIG_FILE }).listening()
    const statuses = (token: string) =>
      // Each has a connection of its own, which any thread may have taken.
      Promise.all(Array.from({ length: 6 }, () => statusOf(port, token)))

    const partner = { iss: PARTNER, aud: undefined, azp: 'reader', ver: 2 }
    expect(await statuses(mintToken(ours))).toEqual(Array(6).fill(200))
    expect(await statuses(mintToken(theirs, { claims: partner }))).toEqual(Array(6).fill(200))
    expect(await statuses(mintToken(theirs, { claims: { ...partner, ver: 1 } }))).toEqual(Array(6).fill(401))
    expect(await statuses(mintToken(ours, { claims: partner }))).toEqual(Array(6).fill(401))
    expect(provider.hits()).toBe(1)
  },
)

async function statusOf(port: number, token: string): Promise<number> {
  const aborted = new AbortController()
  const headers = { authorization: `Bearer ${token}`, connection: 'close' }
  const { status } = await fetch(`http://127.0.0.1:${port}/events`, { headers, signal: aborted.signal })
  aborted.abort()
  return status
}
