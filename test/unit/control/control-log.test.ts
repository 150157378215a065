// What a replica knows from the control topic: what counts, what is passed over, and when it knows too little.

import { describe, expect, it } from 'vitest'
import { ControlKeys } from '../../../src/control/control-keys.ts'
import type { RecordBytes } from '../../../src/control/control-record.ts'
import {
  BLIND_MS,
  ControlScene,
  KEYS,
  OTHER_SECRET,
  renewalOf,
  revocationOf,
  START_MS,
  TOPIC,
} from './control-scene.ts'

const FOREIGN = new ControlKeys([OTHER_SECRET])

describe('The control log', () => {
  it('tells of revocations and renewals of others, once', () => {
    const scene = ControlScene.read()
    scene.revoke(revocationOf())
    scene.renew(renewalOf({ session: { ...renewalOf().session, subject: 'bob' } }))
    const news = scene.log.takeNews()
    expect(news?.revocations).toEqual([revocationOf()])
    expect(news?.renewals.map(({ session }) => session.subject)).toEqual(['bob'])
    expect(scene.log.takeNews()).toBeNull()
  })

  it('tells nothing of its own records: this process has acted by then', () => {
    const scene = ControlScene.read()
    scene.revoke(revocationOf(), { by: 'me' })
    scene.renew(renewalOf(), 'me')
    expect(scene.log.takeNews()).toBeNull()
  })

  it('passes over a renewal that has ended, and one of a session that was revoked before or in the same batch', () => {
    const scene = ControlScene.read()
    const { session } = renewalOf()
    scene.renew(renewalOf({ session: { ...session, expiresAtMs: START_MS } }))
    scene.revoke(revocationOf({ on: { sub: session.subject ?? '' } }))
    scene.renew(renewalOf())
    expect(scene.log.takeNews()?.renewals).toEqual([])
    expect(scene.figures.passedOver).toMatchObject({ expired: 1, revoked: 1 })
  })

  it.each([{ sid: 'session-1' }, { jti: 'token-1' }, { client: 'client-1' }])(
    'looks at %j of a renewal, too',
    (on) => {
      const scene = ControlScene.read()
      const named = { sessionId: 'session-1', tokenId: 'token-1', client: 'client-1' }
      scene.revoke(revocationOf({ on }))
      scene.renew(renewalOf({ session: { ...renewalOf().session, ...named } }))
      expect(scene.log.takeNews()?.renewals).toEqual([])
    },
  )

  it('remembers a revocation for as long as tokens live here, if its writer expected shorter lives', () => {
    const { issuer } = revocationOf()
    const session = { ...renewalOf().session, subject: 'alice', issuedAtMs: START_MS - 1_000 }
    for (const lifetimes of [new Map([[issuer, 10 * 86_400_000]]), 10 * 86_400_000]) {
      const scene = new ControlScene(KEYS, 1_000, lifetimes)
      scene.revoke(revocationOf())
      scene.clock.pass(9 * 86_400_000)
      expect(scene.revocations.refuses(session)).toBe(true)
    }
    const scene = new ControlScene(KEYS, 1_000, new Map([[issuer, 60_000]]))
    scene.revoke(revocationOf())
    scene.clock.pass(86_400_000 - 1)
    expect(scene.revocations.refuses(session)).toBe(true)
  })

  it('passes over a revocation that is over', () => {
    const scene = ControlScene.read()
    scene.revoke(revocationOf({ untilMs: START_MS }))
    expect(scene.log.takeNews()).toBeNull()
    expect(scene.figures.passedOver.expired).toBe(1)
  })

  it('is changed by no record of somebody else’s making, but for a counter', () => {
    const scene = ControlScene.read()
    const before = scene.log.trouble()
    scene.hear({ op: 'revoke', revocation: revocationOf(), by: 'x', atMs: START_MS }, { keys: FOREIGN })
    scene.hear({ op: 'renew', renewal: renewalOf(), by: 'x', atMs: START_MS }, { keys: FOREIGN })
    scene.hear(
      { op: 'redeem', nonce: 'n', expiresAtMs: START_MS + 9_999, by: 'x', atMs: START_MS },
      { keys: FOREIGN },
    )
    const rubbish: RecordBytes[] = [
      { key: null, value: null, mac: null },
      { key: null, value: Buffer.from('{"v":1,"op":"renew","by":"me"'), mac: Buffer.alloc(32) },
      { key: null, value: Buffer.from('{"v":1,"op":"alive","by":"me","at":1}'), mac: Buffer.alloc(32) },
    ]
    for (const record of rubbish) scene.append(record)
    expect(scene.log.takeNews()).toBeNull()
    expect(scene.revocations.size).toBe(0)
    expect(scene.log.redemptions.size).toBe(0)
    expect(scene.log.trouble()).toBe(before)
    expect(scene.figures.passedOver.mac).toBe(6)
  })

  it('counts, for the log, what comes without a right mac once the topic is read: a replica may have another secret', () => {
    const scene = new ControlScene()
    scene.hear({ op: 'revoke', revocation: revocationOf(), by: 'x', atMs: START_MS }, { keys: FOREIGN })
    scene.log.heartbeats.add(0)
    scene.log.heartbeats.complete()
    scene.beat()
    expect(scene.log.takeUnsigned()).toBe(0)
    scene.hear({ op: 'revoke', revocation: revocationOf(), by: 'x', atMs: START_MS }, { keys: FOREIGN })
    scene.renew(renewalOf())
    expect(scene.log.takeUnsigned()).toBe(1)
    expect(scene.log.takeUnsigned()).toBe(0)
  })

  it('counts heartbeats of a replica with another secret once the topic is read, before that has written anything else', () => {
    const scene = ControlScene.read()
    scene.hear({ op: 'alive', by: 'other', atMs: START_MS })
    expect(scene.log.takeUnsigned()).toBe(0)
    scene.hear({ op: 'alive', by: 'stranger', atMs: START_MS }, { keys: FOREIGN })
    expect([scene.log.takeUnsigned(), scene.figures.passedOver.mac]).toEqual([1, 1])
  })

  it('takes redemptions of their one partition alone', () => {
    const scene = ControlScene.read()
    const redeem = {
      op: 'redeem' as const,
      nonce: 'n',
      expiresAtMs: START_MS + 30_000,
      by: 'other',
      atMs: START_MS,
    }
    scene.hear(redeem, { partition: 1 })
    expect(scene.log.redemptions.size).toBe(0)
    scene.hear(redeem)
    expect(scene.log.redemptions.size).toBe(1)
  })

  it('does not hash the renewals and foreign heartbeats that it reads at the start', () => {
    const scene = new ControlScene()
    scene.log.heartbeats.add(0)
    scene.log.heartbeats.complete()
    scene.renew(renewalOf())
    scene.hear({ op: 'alive', by: 'other', atMs: START_MS }, { keys: FOREIGN })
    scene.revoke(revocationOf())
    expect(scene.figures.passedOver.mac).toBe(0)
    expect(scene.log.takeNews()).toMatchObject({ renewals: [], revocations: [revocationOf()] })
  })
})

describe('The control log is in trouble', () => {
  it('before its own heartbeat has come back from every partition', () => {
    const scene = new ControlScene()
    expect(scene.log.trouble()).toBe(`control topic ${TOPIC} is not read to its end yet`)
    scene.log.heartbeats.add(0)
    scene.log.heartbeats.add(1)
    scene.log.heartbeats.complete()
    scene.beat(0)
    expect(scene.log.trouble()).toMatch(/is not read to its end/)
    scene.clock.pass(5_000)
    scene.beat(1)
    expect(scene.log.trouble()).toBeNull()
  })

  it('as long as Kafka has not listed all partitions', () => {
    const scene = new ControlScene()
    scene.log.heartbeats.add(0)
    scene.beat(0)
    expect(scene.log.trouble()).toMatch(/is not read to its end/)
    scene.log.heartbeats.complete()
    expect(scene.log.trouble()).toBeNull()
  })

  it('once no heartbeat of its own has come back for the stated time, of any partition, until one does', () => {
    const scene = new ControlScene()
    for (const partition of [0, 1]) scene.log.heartbeats.add(partition)
    scene.log.heartbeats.complete()
    scene.beat(0, 1)
    scene.clock.pass(BLIND_MS - 1)
    scene.beat(0)
    expect(scene.log.trouble()).toBeNull()
    scene.clock.pass(1)
    expect(scene.log.trouble()).toBe(
      `control topic ${TOPIC}: no heartbeat of this process has come back for 30 s`,
    )
    scene.clock.pass(5_000)
    scene.beat(1)
    expect(scene.log.trouble()).toBeNull()
  })

  it('if only heartbeats come back that were written too long ago: the reading lags', () => {
    const scene = ControlScene.read()
    const late = scene.clock.epochMs() + 5_000
    scene.clock.pass(5_000)
    expect(scene.log.heartbeats.beat()).toBe(late)
    scene.clock.pass(BLIND_MS)
    scene.hear({ op: 'alive', by: 'me', atMs: late })
    expect(scene.log.trouble()).toMatch(/no heartbeat/)
  })

  it('after the machine was suspended, which only the wall clock tells', () => {
    const scene = ControlScene.read()
    scene.clock.step(BLIND_MS)
    expect(scene.log.trouble()).toMatch(/no heartbeat/)
    // At once, because the clock may have been set: then nothing was missed.
    scene.beat()
    expect(scene.log.trouble()).toBeNull()
    expect(scene.log.heartbeats.beat()).toBeNull()
  })

  it('not after a wall clock was set back, and heartbeats go on by the other one', () => {
    const scene = ControlScene.read()
    scene.clock.step(-BLIND_MS)
    expect(scene.log.trouble()).toBeNull()
    scene.clock.pass(4_999)
    expect(scene.log.heartbeats.beat()).toBeNull()
    scene.clock.pass(1)
    scene.beat()
    scene.clock.pass(BLIND_MS - 1)
    expect(scene.log.trouble()).toBeNull()
    scene.clock.pass(1)
    expect(scene.log.trouble()).toMatch(/no heartbeat/)
  })

  it('not because a partition is found later, which has the stated time for its first heartbeat', () => {
    const scene = ControlScene.read()
    scene.log.heartbeats.add(1)
    expect(scene.log.trouble()).toBeNull()
    scene.clock.pass(BLIND_MS)
    scene.beat(0)
    expect(scene.log.trouble()).toMatch(/no heartbeat/)
  })

  it('again once the topic is another one; what was revoked stays so, and is written again', () => {
    const scene = ControlScene.read()
    scene.revoke(revocationOf())
    expect(scene.log.copies.step(scene.clock.epochMs())).toEqual([])
    scene.log.recreate()
    expect(scene.log.trouble()).toMatch(/is not read to its end/)
    expect(scene.revocations.size).toBe(1)
    expect(scene.log.copies.step(scene.clock.epochMs())).toEqual([revocationOf()])
  })
})

describe('A topic that was compacted for a while', () => {
  it('is told again all that was revoked, since its copies may be gone', () => {
    const scene = ControlScene.read()
    scene.revoke(revocationOf())
    const due = () => scene.log.copies.step(scene.clock.epochMs())
    for (const isCompacted of [false, true, true]) {
      scene.log.noteCompacted(isCompacted)
      expect(due()).toEqual([])
    }
    scene.log.noteCompacted(false)
    expect(due()).toEqual([revocationOf()])
  })
})

describe('A topic that was made again', () => {
  it('does not make a replica blind at once, but after the stated time, if it is not read until then', () => {
    const scene = ControlScene.read()
    scene.clock.pass(4_000)
    scene.log.recreate()
    expect(scene.log.heartbeats.blindInMs).toBe(BLIND_MS - 4_000)
    scene.log.recreate()
    scene.clock.pass(BLIND_MS - 4_001)
    expect(scene.log.heartbeats.blindInMs).toBe(1)
    scene.clock.pass(1)
    expect(scene.log.heartbeats.blindInMs).toBe(0)
    scene.log.heartbeats.add(0)
    scene.log.heartbeats.complete()
    scene.beat()
    expect(scene.log.heartbeats.blindInMs).toBe(BLIND_MS)
    expect(scene.log.trouble()).toBeNull()
  })
})

describe('Heartbeats', () => {
  it('are due six times in the time after which silence counts', () => {
    const scene = ControlScene.read(KEYS)
    let beats = 0
    for (let ms = 0; ms < BLIND_MS; ms += 250) {
      scene.clock.pass(250)
      if (scene.log.heartbeats.beat() !== null) beats++
    }
    expect(beats).toBe(6)
  })

  it('have times that differ, even if the wall clock is set back', () => {
    const scene = ControlScene.read()
    scene.clock.pass(5_000)
    const first = scene.log.heartbeats.beat() ?? 0
    scene.clock.pass(5_000)
    scene.clock.step(-3_600_000)
    expect(scene.log.heartbeats.beat()).toBe(first + 1)
  })
})
