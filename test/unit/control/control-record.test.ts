// The records of the control topic: what is read is what was written, and only what was written with our secret.

import { createHmac, hkdfSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ControlKeys } from '../../../src/control/control-keys.ts'
import {
  type ControlRecord,
  decodeRecord,
  encodeRecord,
  macIn,
  macText,
  passingOp,
  type RecordBytes,
  VALUE_BYTES_MAX,
} from '../../../src/control/control-record.ts'
import { KEYS, OTHER_SECRET, renewalOf, revocationOf, SECRET, START_MS, TOPIC } from './control-scene.ts'

const time = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const text = fc.string({ unit: 'binary', maxLength: 50 })
const textOrNull = fc.option(text)
const name = fc.oneof(
  fc.record({ sub: text }),
  fc.record({ sid: text }),
  fc.record({ jti: text }),
  fc.record({ client: text }),
)
const written = { by: text, atMs: time }
const session = fc.record({
  issuer: text,
  subject: text,
  sessionId: textOrNull,
  client: textOrNull,
  tokenId: textOrNull,
  scopes: fc.array(text, { maxLength: 5 }).map((scopes) => new Set(scopes)),
  expiresAtMs: time,
  issuedAtMs: fc.option(time),
  tokenDigest: fc.constant(''),
  claims: fc.constant({}),
})
const renewal = fc.record({
  route: text,
  params: text,
  granted: text,
  previousDigest: fc.constant(null),
  session,
})
const revocation = fc.record({
  issuer: text,
  on: name,
  beforeMs: time,
  untilMs: fc.oneof(time, fc.constant(Number.POSITIVE_INFINITY)),
  jti: textOrNull,
  reason: textOrNull,
})
const nonce = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'))
const record: fc.Arbitrary<ControlRecord> = fc.oneof(
  fc.record({ op: fc.constant('renew' as const), renewal, ...written }),
  fc.record({ op: fc.constant('revoke' as const), revocation, ...written }),
  fc.record({ op: fc.constant('redeem' as const), nonce, expiresAtMs: time, ...written }),
  fc.record({ op: fc.constant('alive' as const), ...written }),
)

/** With a mac of its own, as a replica would make it. */
function signed(value: unknown, keys = KEYS): RecordBytes {
  const bytes = typeof value === 'string' ? Buffer.from(value) : Buffer.from(JSON.stringify(value))
  return { key: null, value: bytes, mac: keys.mac({ topic: TOPIC, key: null, value: bytes }) }
}

const ALIVE = { v: 1, op: 'alive', by: 'me', at: 1 }
const REVOKE = {
  ...{ v: 1, op: 'revoke', iss: 'i', on: { sub: 'a' }, before: 1, until: 2 },
  ...{ jti: null, reason: null, by: 'me', at: 1 },
}
const RENEW = {
  ...{ v: 1, op: 'renew', iss: 'i', sub: 's', sid: null, client: null, jti: null, route: '/events' },
  ...{ params: '[]', selection: '', scopes: [], exp: 2, iat: null, by: 'me', at: 1 },
}
const REDEEM = { v: 1, op: 'redeem', nonce: 'n', exp: 2, by: 'me', at: 1 }

describe('a control record', () => {
  it('is read as it was written, whatever its fields hold', () => {
    fc.assert(
      fc.property(record, (given) => {
        expect(decodeRecord(encodeRecord(given, TOPIC, KEYS), TOPIC, KEYS)).toEqual(given)
      }),
    )
  })

  it('has the bytes of docs/control-topic.md', () => {
    const { key, value, mac } = encodeRecord(
      { op: 'revoke', revocation: revocationOf({ reason: 'lost phone' }), by: 'me', atMs: 7 },
      TOPIC,
      KEYS,
    )
    expect(value.toString()).toBe(
      `{"v":1,"op":"revoke","iss":"https://auth.example.com","on":{"sub":"alice"},"before":${START_MS},` +
        `"until":${START_MS + 86_400_000},"jti":null,"reason":"lost phone","by":"me","at":7}`,
    )
    const derived = (info: string) => Buffer.from(hkdfSync('sha256', SECRET, '', info, 32))
    const named = JSON.stringify(['sub', 'https://auth.example.com', 'alice'])
    expect(key).toEqual(createHmac('sha256', derived('kafka-sse hashes 1')).update(named).digest())
    const prefixed = (bytes: Uint8Array) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(bytes.length)
      return Buffer.concat([length, bytes])
    }
    const input = Buffer.concat([Buffer.from(TOPIC), key ?? Buffer.alloc(0), value].map(prefixed))
    expect(mac).toEqual(createHmac('sha256', derived('kafka-sse control 1')).update(input).digest())
  })

  it('of one holder has one key; a heartbeat has none, so that a compacted topic refuses it', () => {
    const keyOf = (given: ControlRecord) => encodeRecord(given, TOPIC, KEYS).key
    const renew = { op: 'renew' as const, by: 'me', atMs: 7 }
    const one = keyOf({ ...renew, renewal: renewalOf() })
    expect(keyOf({ ...renew, renewal: renewalOf({ route: '/other' }) })).toEqual(one)
    const { session } = renewalOf()
    const other = { ...session, subject: 'bob' }
    expect(keyOf({ ...renew, renewal: renewalOf({ session: other }) })).not.toEqual(one)
    const on = { sub: session.subject ?? '' }
    expect(keyOf({ op: 'revoke', revocation: revocationOf({ on }), by: 'me', atMs: 7 })).toEqual(one)
    expect(keyOf({ op: 'alive', by: 'me', atMs: 7 })).toBeNull()
  })

  it('is passed over if a single bit of it was changed, or its mac was made with another secret or topic', () => {
    fc.assert(
      fc.property(record, fc.nat(), fc.nat({ max: 7 }), (given, place, bit) => {
        const bytes = encodeRecord(given, TOPIC, KEYS)
        const flipped = (part: Uint8Array) => {
          const copy = Buffer.from(part)
          const at = place % copy.length
          copy[at] = (copy[at] ?? 0) ^ (1 << bit)
          return copy
        }
        expect(decodeRecord({ ...bytes, value: flipped(bytes.value) }, TOPIC, KEYS)).toBe('mac')
        expect(decodeRecord({ ...bytes, mac: flipped(bytes.mac) }, TOPIC, KEYS)).toBe('mac')
        if (bytes.key !== null)
          expect(decodeRecord({ ...bytes, key: flipped(bytes.key) }, TOPIC, KEYS)).toBe('mac')
        expect(decodeRecord(bytes, TOPIC, new ControlKeys([OTHER_SECRET]))).toBe('mac')
        expect(decodeRecord(bytes, `${TOPIC}2`, KEYS)).toBe('mac')
      }),
    )
  })

  it('has a mac that tells where its parts end: no byte can move from one to the next', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 20 }), fc.nat(), fc.nat(), (bytes, one, other) => {
        const cut = (at: number) => ({ key: bytes.subarray(0, at), value: bytes.subarray(at) })
        const [first, second] = [one % bytes.length, other % bytes.length]
        const macs = [first, second].map((at) => KEYS.mac({ topic: TOPIC, ...cut(at) }).toString('hex'))
        expect(macs[0] === macs[1]).toBe(first === second)
      }),
    )
  })

  it.each([0, 1, 31, 33, 64])('is passed over with a mac of %d bytes', (length) => {
    const bytes = encodeRecord({ op: 'alive', by: 'me', atMs: 7 }, TOPIC, KEYS)
    const mac = Buffer.concat([bytes.mac, bytes.mac]).subarray(0, length)
    expect(decodeRecord({ ...bytes, mac }, TOPIC, KEYS)).toBe('mac')
  })

  it('is passed over without a mac, and as a tombstone', () => {
    const bytes = encodeRecord({ op: 'alive', by: 'me', atMs: 7 }, TOPIC, KEYS)
    expect(decodeRecord({ ...bytes, mac: null }, TOPIC, KEYS)).toBe('mac')
    expect(decodeRecord({ ...bytes, value: null }, TOPIC, KEYS)).toBe('mac')
  })

  it('has its mac in a header as text, and is read if the header has the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (mac) => {
        expect(Buffer.from(macIn(Buffer.from(macText(mac))))).toEqual(Buffer.from(mac))
        expect(Buffer.from(macIn(mac))).toEqual(Buffer.from(mac))
      }),
    )
  })

  it.each(['=', '+', '/', ' ', '\n', 'é'])('has its mac in one spelling: none with %j', (character) => {
    const text = macText(Buffer.alloc(32, 0xff))
    const spelt = Buffer.from(`${text.slice(0, -1)}${character}`, 'latin1')
    expect(macIn(spelt).length).not.toBe(32)
    expect(macIn(Buffer.from(`${text}=`)).length).not.toBe(32)
    expect(macIn(Buffer.from(`${text.slice(0, -1)}9`)).length).not.toBe(32)
  })

  it('of the greatest size is read, and one byte more is not hashed, nor written', () => {
    const sized = (length: number) => {
      const rest = JSON.stringify({ ...ALIVE, by: '' }).length
      return JSON.stringify({ ...ALIVE, by: 'x'.repeat(length - rest) })
    }
    expect(decodeRecord(signed(sized(VALUE_BYTES_MAX)), TOPIC, KEYS)).toMatchObject({ op: 'alive' })
    expect(decodeRecord(signed(sized(VALUE_BYTES_MAX + 1)), TOPIC, KEYS)).toBe('size')
    const by = 'x'.repeat(VALUE_BYTES_MAX)
    expect(() => encodeRecord({ op: 'alive', by, atMs: 1 }, TOPIC, KEYS)).toThrow(/bytes, and may be/)
  })

  it.each([
    ['another version', { ...ALIVE, v: 2 }, 'version'],
    ['no version', { op: 'alive', by: 'me', at: 1 }, 'version'],
    ['another op', { ...ALIVE, op: 'forget' }, 'op'],
    ['an op of every object', { ...ALIVE, op: 'constructor' }, 'op'],
    ['no op', { v: 1, by: 'me', at: 1 }, 'op'],
    ['a list', [ALIVE], 'malformed'],
    ['a text', '"alive"', 'malformed'],
    ['half of it', '{"v":1,"op":"alive"', 'malformed'],
    ['no writer', { v: 1, op: 'alive', at: 1 }, 'malformed'],
    ['a time before 1970', { ...ALIVE, at: -1 }, 'malformed'],
    ['a time that is a fraction', { ...ALIVE, at: 1.5 }, 'malformed'],
    ['a time that is a text', { ...ALIVE, at: '1' }, 'malformed'],
    ['nothing revoked', { ...REVOKE, on: {} }, 'malformed'],
    ['two names revoked', { ...REVOKE, on: { sub: 'a', sid: 'b' } }, 'malformed'],
    ['a name of another kind', { ...REVOKE, on: { iss: 'a' } }, 'malformed'],
    ['a name that is no text', { ...REVOKE, on: { sub: 1 } }, 'malformed'],
    ['a name that is null', { ...REVOKE, on: { sub: null } }, 'malformed'],
    ['no issuer', { ...REVOKE, iss: null }, 'malformed'],
    ['no jti said', { ...REVOKE, jti: undefined }, 'malformed'],
    ['no subject', { ...RENEW, sub: null }, 'malformed'],
    ['no end', { ...RENEW, exp: null }, 'malformed'],
    ['scopes that are one text', { ...RENEW, scopes: 'a b' }, 'malformed'],
    ['a scope that is a number', { ...RENEW, scopes: [1] }, 'malformed'],
    ['a nonce that is null', { ...REDEEM, nonce: null }, 'malformed'],
  ])('with %s is passed over, although its mac is right', (_, value, reason) => {
    expect(decodeRecord(signed(value), TOPIC, KEYS)).toBe(reason)
  })

  it.each([ALIVE, REVOKE, RENEW, REDEEM])(
    'of $op is read without what this version does not know',
    (value) => {
      expect(decodeRecord(signed({ ...value, more: 1 }), TOPIC, KEYS)).toMatchObject({ op: value.op })
    },
  )

  it('is passed over if it is no UTF-8', () => {
    const value = Buffer.concat([
      Buffer.from('{"v":1,"op":"alive","at":1,"by":"'),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ])
    const mac = KEYS.mac({ topic: TOPIC, key: null, value })
    expect(decodeRecord({ key: null, value, mac }, TOPIC, KEYS)).toBe('malformed')
  })

  it('shows by its first bytes whether it is a renewal or a heartbeat', () => {
    fc.assert(
      fc.property(record, (given) => {
        const { value } = encodeRecord(given, TOPIC, KEYS)
        expect(passingOp(value)).toBe(given.op === 'renew' || given.op === 'alive' ? given.op : null)
      }),
    )
  })
})

describe('while the secret is changed', () => {
  const steps = [[SECRET], [SECRET, OTHER_SECRET], [OTHER_SECRET, SECRET], [OTHER_SECRET]].map(
    (secrets) => new ControlKeys(secrets),
  )
  const alive: ControlRecord = { op: 'alive', by: 'me', atMs: 7 }

  it.each([
    [0, 1],
    [1, 2],
    [2, 3],
  ])('replicas of steps %d and %d read each other', (one, other) => {
    for (const [writer, reader] of [
      [one, other],
      [other, one],
    ]) {
      const bytes = encodeRecord(alive, TOPIC, steps[writer ?? 0] ?? KEYS)
      expect(decodeRecord(bytes, TOPIC, steps[reader ?? 0] ?? KEYS)).toEqual(alive)
    }
  })

  it('a secret that is gone writes nothing that is read', () => {
    const bytes = encodeRecord(alive, TOPIC, steps[0] ?? KEYS)
    expect(decodeRecord(bytes, TOPIC, steps[3] ?? KEYS)).toBe('mac')
  })

  it('each step knows a nonce by the hash that its neighbours write', () => {
    for (let step = 0; step + 1 < steps.length; step++) {
      const [one, other] = [steps[step] ?? KEYS, steps[step + 1] ?? KEYS]
      expect(other.everyHash(['ticket', 'n'])).toContainEqual(one.hash(['ticket', 'n']))
      expect(one.everyHash(['ticket', 'n'])).toContainEqual(other.hash(['ticket', 'n']))
    }
  })
})
