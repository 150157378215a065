// Tickets are redeemed once, by the order of their records in the topic.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Redemptions, WAITING_REDEMPTIONS_MAX } from '../../../src/control/redemptions.ts'
import { MovedClock, START_MS } from './control-scene.ts'

const WAIT_MS = 50
const EXPIRES_MS = START_MS + 30_000
const WRITTEN = Promise.resolve()

const named = (atMs: number, by = 'me') => ({ by, atMs })

describe('Of the redemptions of one nonce', () => {
  it('the first in the topic is good, and no other, at any replica', async () => {
    const asked = fc.array(fc.record({ nonce: fc.nat({ max: 3 }), replica: fc.nat({ max: 1 }) }), {
      maxLength: 20,
    })
    await fc.assert(
      fc.asyncProperty(asked, async (redemptions) => {
        const replicas = [new Redemptions(new MovedClock()), new Redemptions(new MovedClock())]
        const written = redemptions.map(({ nonce, replica }) => {
          const name = named(replicas[replica]?.nextAtMs() ?? 0, `replica ${replica}`)
          const answer = replicas[replica]?.isGood([`${nonce}`], name, WRITTEN, 1_000)
          return { nonce, name, answer }
        })
        for (const { nonce, name } of written)
          for (const replica of replicas) replica.note(`${nonce}`, name, EXPIRES_MS)
        const nonces = written.map(({ nonce }) => nonce)
        const answers = await Promise.all(written.map(({ answer }) => answer))
        expect(answers).toEqual(nonces.map((nonce, at) => nonces.indexOf(nonce) === at))
      }),
    )
  })

  it('none is needed once one is known, by the hash of any secret', () => {
    const redemptions = new Redemptions(new MovedClock())
    const hashes = ['by the new secret', 'by the old secret']
    expect(redemptions.isRedeemed(hashes)).toBe(false)
    redemptions.note('by the old secret', named(1, 'other'), EXPIRES_MS)
    expect(redemptions.isRedeemed(hashes)).toBe(true)
    expect(redemptions.isRedeemed(['of another nonce'])).toBe(false)
  })

  it('the first is known by the hash of any secret', async () => {
    const redemptions = new Redemptions(new MovedClock())
    const hashes = ['by the new secret', 'by the old secret']
    const [first, second] = [named(1, 'other'), named(2)]
    const answer = redemptions.isGood(hashes, second, WRITTEN, WAIT_MS)
    redemptions.note('by the old secret', first, EXPIRES_MS)
    redemptions.note('by the new secret', second, EXPIRES_MS)
    expect(await answer).toBe(false)
  })

  it('none is good whose record is not written, or not read in time', async () => {
    const redemptions = new Redemptions(new MovedClock())
    await expect(redemptions.isGood(['n'], named(1), WRITTEN, WAIT_MS)).rejects.toThrow(/not read in time/)
    const lost = Promise.reject(new Error('not written'))
    await expect(redemptions.isGood(['n'], named(2), lost, WAIT_MS)).rejects.toThrow('not written')
    redemptions.note('n', named(1), EXPIRES_MS)
    expect(redemptions.hasRoom).toBe(true)
  })

  it('none is good that waits while the topic is replaced, nor a later one of what was redeemed before', async () => {
    const redemptions = new Redemptions(new MovedClock())
    redemptions.note('n', named(1, 'other'), EXPIRES_MS)
    const waiting = redemptions.isGood(['m'], named(2), WRITTEN, WAIT_MS)
    redemptions.clear()
    await expect(waiting).rejects.toThrow(/replaced/)
    const again = redemptions.isGood(['n'], named(3), WRITTEN, WAIT_MS)
    redemptions.note('n', named(3), EXPIRES_MS)
    expect(await again).toBe(false)
  })

  it('of one process have times that differ, even if its clock is set back', () => {
    const clock = new MovedClock()
    const redemptions = new Redemptions(clock)
    const first = redemptions.nextAtMs()
    clock.step(-3_600_000)
    expect([redemptions.nextAtMs(), redemptions.nextAtMs()]).toEqual([first + 1, first + 2])
  })
})

describe('A nonce', () => {
  it('is forgotten a minute after its ticket has expired, for clocks that are behind', () => {
    const clock = new MovedClock()
    const redemptions = new Redemptions(clock)
    redemptions.note('n', named(1), EXPIRES_MS)
    clock.pass(30_000 + 59_999)
    redemptions.step()
    redemptions.step()
    expect(redemptions.size).toBe(1)
    clock.pass(1)
    redemptions.step()
    redemptions.step()
    expect(redemptions.size).toBe(0)
    expect(redemptions.note('n', named(2), EXPIRES_MS)).toBe(false)
  })

  it('is kept if the wall clock is set forward and back', () => {
    const clock = new MovedClock()
    const redemptions = new Redemptions(clock)
    redemptions.note('n', named(1), EXPIRES_MS)
    clock.step(3_600_000)
    for (let steps = 0; steps < 2; steps++) redemptions.step()
    clock.step(-3_600_000)
    expect(redemptions.isRedeemed(['n'])).toBe(true)
    clock.pass(90_000)
    for (let steps = 0; steps < 2; steps++) redemptions.step()
    expect(redemptions.isRedeemed(['n'])).toBe(false)
  })

  it('for which there is no room makes all redemptions fail until its ticket cannot be good any more', async () => {
    const clock = new MovedClock()
    const redemptions = new Redemptions(clock, 2)
    for (const [atMs, nonce] of ['a', 'b', 'c'].entries())
      redemptions.note(nonce, named(atMs, 'other'), EXPIRES_MS)
    const refused = redemptions.isGood(['d'], named(7), WRITTEN, WAIT_MS)
    redemptions.note('d', named(7), EXPIRES_MS)
    await expect(refused).rejects.toThrow(/too many/)
    clock.pass(90_000)
    for (let steps = 0; steps < 2; steps++) redemptions.step()
    const good = redemptions.isGood(['e'], named(8), WRITTEN, WAIT_MS)
    redemptions.note('e', named(8), EXPIRES_MS + 90_000)
    expect(await good).toBe(true)
  })

  it('cannot be redeemed while as many redemptions wait as may', async () => {
    const redemptions = new Redemptions(new MovedClock())
    const waiting = Array.from({ length: WAITING_REDEMPTIONS_MAX }, (_, at) =>
      redemptions.isGood([`${at}`], named(at), WRITTEN, 5_000),
    )
    expect(redemptions.hasRoom).toBe(false)
    for (let at = 0; at < WAITING_REDEMPTIONS_MAX; at++) redemptions.note(`${at}`, named(at), EXPIRES_MS)
    expect((await Promise.all(waiting)).every((isGood) => isGood)).toBe(true)
    expect(redemptions.hasRoom).toBe(true)
  })
})
