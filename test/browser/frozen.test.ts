// A tab that Chromium freezes leads others. Frozen, it has no timers and no network, but still answers messages of
// other tabs: they would wait for it as long as it is frozen.

import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { leaveOut } from '../support/left-out.ts'
import { CHROMIUM } from './chromium.ts'
import { PlainChromium, type PlainTab } from './plain-chromium.ts'
import { TabsServer } from './tabs-server.ts'

const PATIENCE = { timeout: 30_000, interval: 50 }

if (CHROMIUM === null) leaveOut('tabs that are frozen', 'no chromium; CHROMIUM may name one elsewhere')

describe.skipIf(CHROMIUM === null)('tabs of Chromium that is not made to think that they are visible', () => {
  let chromium: PlainChromium

  beforeAll(async () => {
    chromium = await PlainChromium.open()
  }, 60_000)
  afterAll(() => chromium?.close(), 60_000)

  it('go on while the leading one is frozen, and it catches up when it is not', async () => {
    const server = await TabsServer.open(null)
    onTestFinished(() => server.close())
    const hasAll = (tab: PlainTab) =>
      vi.waitFor(async () => expect(await tab.evaluate('received')).toEqual(server.written), PATIENCE)
    server.write('before')
    const leader = await chromium.openTab(`${server.origin}/`)
    await hasAll(leader)
    const other = await chromium.openTab(`${server.origin}/`)
    await hasAll(other)
    await vi.waitUntil(() => server.open === 1, PATIENCE)
    expect(await leader.evaluate('document.visibilityState')).toBe('hidden')
    await leader.evaluate('globalThis.turns = 0; setInterval(() => turns++, 10)')

    await leader.set('frozen')
    const turns = await leader.evaluate<number>('turns')
    for (let record = 0; record < 100; record++) server.write(`meanwhile ${record}`)
    await hasAll(other)
    expect(await leader.evaluate('turns')).toBe(turns)
    expect(await leader.evaluate('received')).toEqual(['before'])

    await leader.set('active')
    await hasAll(leader)
    server.write('after')
    for (const tab of [leader, other]) await hasAll(tab)
    await vi.waitUntil(() => server.open === 1, PATIENCE)
  }, 120_000)
})
