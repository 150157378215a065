// The text of a ticket: one spelling, opened only as it was made, and with nothing of it to be read.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SealedTickets, TICKET_CHARACTERS_MAX, type Ticket } from '../../../src/tickets/sealed-tickets.ts'
import { parseClaimName } from '../../../src/token/claim-path.ts'
import { sessionOf } from '../../../src/token/claims.ts'

const secret = (byte: number) => Buffer.alloc(32, byte)
const sealed = new SealedTickets([secret(1)])
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

function ticket(claims: object = {}, changes: Partial<Ticket> = {}): Ticket {
  const all = { iss: 'https://a', sub: 'alice', scope: 'one two', exp: 1_000_000, ...claims }
  return {
    session: sessionOf(all, { scopeClaims: [parseClaimName('scope')], toleranceMs: 0 }, 'digest'),
    stream: '["/events",[]]',
    page: { origin: 'https://app.example.com', isOwn: false },
    expiresAtMs: 30_000,
    ...changes,
  }
}

function made(one: Ticket = ticket(), by = sealed): string {
  const text = by.seal(one)
  if (text === null) throw new Error('the ticket is too large')
  return text
}

describe('a ticket', () => {
  it('is opened as it was made, with a nonce of its own', () => {
    const { nonce, ...opened } = sealed.open(made()) ?? {}
    expect(opened).toEqual(ticket())
    expect(nonce).toMatch(/^[\w-]{38}$/)
    expect(sealed.open(made())?.nonce).not.toBe(nonce)
  })

  it('holds any claim, also under names that objects inherit', () => {
    const claims = fc.dictionary(fc.string({ maxLength: 20 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 })
    fc.assert(
      fc.property(claims, (given) => {
        const one = ticket()
        const plain = { ...given } // without null for a prototype, which no JSON has
        const text = sealed.seal({ ...one, session: { ...one.session, claims: plain } })
        if (text === null) return
        expect(JSON.stringify(sealed.open(text)?.session.claims)).toBe(JSON.stringify(plain))
      }),
    )
  })

  it('shows nothing of what is in it', () => {
    const bytes = Buffer.from(made().slice(4), 'base64url').toString('latin1')
    for (const text of ['alice', 'https://', 'events', 'digest']) expect(bytes).not.toContain(text)
  })

  it('is not opened if one character was changed, cut or added', () => {
    const text = made()
    for (let at = 0; at < text.length; at++) {
      const other = ALPHABET[(ALPHABET.indexOf(text[at] ?? '') + 1) % ALPHABET.length]
      expect(sealed.open(text.slice(0, at) + other + text.slice(at + 1)), `changed at ${at}`).toBeNull()
      expect(sealed.open(text.slice(0, at)), `cut at ${at}`).toBeNull()
      expect(sealed.open(text.slice(0, at) + text.slice(at + 1)), `without ${at}`).toBeNull()
    }
    for (const end of ['=', '==', 'A', '\n', ' ', '.', '%3D']) expect(sealed.open(text + end)).toBeNull()
    for (const start of [' ', 'kst_', 'Ticket ']) expect(sealed.open(start + text)).toBeNull()
    expect(sealed.open(text.replace('kst_', 'KST_'))).toBeNull()
  })

  it('is not opened in another spelling of the same bytes', () => {
    // Claims of every length, so that the last character has bits beyond the last byte in two of three cases.
    const spelt = ['', 'x', 'xx', 'xxx'].map((a) => {
      const text = made(ticket({ a }))
      const last = ALPHABET.indexOf(text.slice(-1))
      const twins = [1, 2, 3].map((bits) => text.slice(0, -1) + ALPHABET[last ^ bits])
      const bytesOf = (other: string) => Buffer.from(other.slice(4), 'base64url').toString('hex')
      const same = twins.filter((twin) => bytesOf(twin) === bytesOf(text))
      for (const twin of same) expect(sealed.open(twin)).toBeNull()
      return same.length
    })
    expect(spelt.some((count) => count > 0)).toBe(true)
    let text = made()
    while (!/[-_]/.test(text.slice(4))) text = made()
    const standard = text.slice(0, 4) + text.slice(4).replaceAll('-', '+').replaceAll('_', '/')
    expect(sealed.open(standard)).toBeNull()
  })

  it('is opened by both secrets while they are changed, and by no other', () => {
    const [old, rolling, rolled] = [[1], [2, 1], [2]].map((bytes) => new SealedTickets(bytes.map(secret)))
    const [before, since] = [made(ticket(), old), made(ticket(), rolling)]
    const opens = (text: string) => [old, rolling, rolled].map((one) => one?.open(text) !== null)
    expect(opens(before)).toEqual([true, true, false])
    expect(opens(since)).toEqual([false, true, true])
  })

  it('is not made if it would be longer than a request line may be, and a longer text is not read', () => {
    const room = (length: number) => sealed.seal(ticket({ a: 'x'.repeat(length) }))
    const base = made(ticket({ a: '' })).length
    const most = Math.floor(((TICKET_CHARACTERS_MAX - base) * 3) / 4)
    const sizes = [most - 2, most - 1, most, most + 1, most + 2].map((length) => room(length)?.length ?? null)
    const fitting = sizes.filter((size) => size !== null)
    expect(fitting.length).toBeGreaterThan(1)
    expect(Math.max(...fitting)).toBeLessThanOrEqual(TICKET_CHARACTERS_MAX)
    expect(Math.max(...fitting)).toBeGreaterThan(TICKET_CHARACTERS_MAX - 3)
    expect(sizes.at(-1)).toBeNull()
    expect(sealed.open(`kst_${'A'.repeat(TICKET_CHARACTERS_MAX)}`)).toBeNull()
  })

  it('needs a secret', () => {
    expect(() => new SealedTickets([])).toThrow(RangeError)
  })
})
