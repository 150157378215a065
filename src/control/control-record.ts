// The records of the control topic as bytes: docs/control-topic.md. Promise: a record that this reads was written with
// one of our secrets, for this topic, and each of its fields has the right type. Nothing here throws on what was read.

import type { Renewal } from '../stream/holders.ts'
import { REVOKED_KINDS, type Revocation, type RevokedName, revokedName } from '../token/revocation.ts'
import type { ControlKeys } from './control-keys.ts'
import { type Fields, fieldsOf } from './fields.ts'

/** What a replica tells the others. `by`: the process that has written it, `atMs`: when, in epoch ms. */
export type ControlRecord = { readonly by: string; readonly atMs: number } & (
  | { readonly op: 'renew'; readonly renewal: Renewal }
  | { readonly op: 'revoke'; readonly revocation: Revocation }
  /** `nonce`: its keyed hash. */
  | { readonly op: 'redeem'; readonly nonce: string; readonly expiresAtMs: number }
  | { readonly op: 'alive' }
)

export type ControlOp = ControlRecord['op']

/** Why a record is passed over: see the table of docs/control-topic.md. */
export type PassedOver = Undecoded | 'expired' | 'revoked'
export type Undecoded = 'size' | 'mac' | 'version' | 'op' | 'malformed'

/** A record as Kafka has it. */
export interface RecordBytes {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  /** The header of this name; null if there is none. */
  readonly mac: Uint8Array | null
}

export const MAC_HEADER = 'mac'
/** Base64url of 32 bytes, without padding. */
const MAC_CHARACTERS = 43
export const VALUE_BYTES_MAX = 131_072
const VERSION = 1

export function encodeRecord(
  record: ControlRecord,
  topic: string,
  keys: ControlKeys,
): RecordBytes & { readonly value: Uint8Array; readonly mac: Uint8Array } {
  const value = Buffer.from(JSON.stringify(fieldsFor(record)))
  if (value.length > VALUE_BYTES_MAX)
    throw new RangeError(`a control record is ${value.length} bytes, and may be ${VALUE_BYTES_MAX}`)
  const key = keyOf(record, keys)
  return { key, value, mac: keys.mac({ topic, key, value }) }
}

/** The record, or why it is passed over. One hash for each of our secrets at most. */
export function decodeRecord(
  { key, value, mac }: RecordBytes,
  topic: string,
  keys: ControlKeys,
): ControlRecord | Undecoded {
  if (value === null || mac === null) return 'mac'
  if (value.length > VALUE_BYTES_MAX || (key?.length ?? 0) > VALUE_BYTES_MAX) return 'size'
  if (!keys.verifies(mac, { topic, key, value })) return 'mac'
  const fields = fieldsOf(value)
  if (fields === null) return 'malformed'
  if (fields.unknown('v') !== VERSION) return 'version'
  const record = recordIn(fields)
  return fields.isFaulty ? 'malformed' : (record ?? 'op')
}

/** The mac as a header's value: base64url, because node-rdkafka writes text alone. */
export function macText(mac: Uint8Array): string {
  return Buffer.from(mac).toString('base64url')
}

/** The mac in a header's value: base64url, or the bytes themselves. */
export function macIn(header: Uint8Array): Uint8Array {
  if (header.length !== MAC_CHARACTERS) return header
  const mac = Buffer.from(Buffer.from(header).toString('latin1'), 'base64url')
  return macText(mac) === Buffer.from(header).toString('latin1') ? mac : header
}

/** Whether a value looks like a renewal or a heartbeat, by its first bytes: for readers that need neither. */
export function passingOp(value: Uint8Array): 'renew' | 'alive' | null {
  return PASSING_OPS.find((op) => STARTS[op].equals(value.subarray(0, STARTS[op].length))) ?? null
}

const PASSING_OPS = ['renew', 'alive'] as const
const STARTS = { renew: startOf('renew'), alive: startOf('alive') }

function startOf(op: ControlOp): Buffer {
  return Buffer.from(`{"v":${VERSION},"op":"${op}"`)
}

/**
 * Records of one holder have one key, and so an order. A heartbeat has none: Kafka refuses a record without a key where
 * the topic is compacted, which is how a wrong `cleanup.policy` shows.
 */
function keyOf(record: ControlRecord, keys: ControlKeys): Buffer | null {
  if (record.op === 'alive') return null
  if (record.op === 'redeem') return Buffer.from(record.nonce, 'base64url')
  if (record.op === 'renew') {
    const { issuer, subject } = record.renewal.session
    return keys.hash(['sub', issuer, subject ?? ''])
  }
  const [kind, name] = revokedName(record.revocation)
  return keys.hash([kind, record.revocation.issuer, name])
}

/** In this order: `passingOp` reads the first two. Times are epoch ms; an `until` of null never comes. */
function fieldsFor(record: ControlRecord): Record<string, unknown> {
  const { op, by, atMs } = record
  const written = { by, at: atMs }
  if (op === 'alive') return { v: VERSION, op, ...written }
  if (op === 'redeem') return { v: VERSION, op, nonce: record.nonce, exp: record.expiresAtMs, ...written }
  if (op === 'renew') return { v: VERSION, op, ...renewalFields(record.renewal), ...written }
  const { issuer, on, beforeMs, untilMs, jti, reason } = record.revocation
  const until = Number.isFinite(untilMs) ? untilMs : null
  return { v: VERSION, op, iss: issuer, on, before: beforeMs, until, jti, reason, ...written }
}

/** The token's own id is in it, because a revocation may name it. */
function renewalFields({ route, params, granted, session }: Renewal): Record<string, unknown> {
  const { issuer, subject, sessionId, client, tokenId, scopes, expiresAtMs, issuedAtMs } = session
  const who = { iss: issuer, sub: subject, sid: sessionId, client, jti: tokenId }
  const what = { route, params, selection: granted, scopes: [...scopes] }
  return { ...who, ...what, exp: expiresAtMs, iat: issuedAtMs }
}

/** null: an `op` that this version does not know. Faults are noted in `fields`. */
function recordIn(fields: Fields): ControlRecord | null {
  const written = () => ({ by: fields.text('by'), atMs: fields.time('at') })
  switch (fields.unknown('op')) {
    case 'renew':
      return { op: 'renew', renewal: renewalIn(fields), ...written() }
    case 'revoke':
      return { op: 'revoke', revocation: revocationIn(fields), ...written() }
    case 'redeem':
      return { op: 'redeem', nonce: fields.text('nonce'), expiresAtMs: fields.time('exp'), ...written() }
    case 'alive':
      return { op: 'alive', ...written() }
    default:
      return null
  }
}

function renewalIn(fields: Fields): Renewal {
  return {
    route: fields.text('route'),
    params: fields.text('params'),
    granted: fields.text('selection'),
    previousDigest: null,
    session: {
      issuer: fields.text('iss'),
      subject: fields.text('sub'),
      sessionId: fields.textOrNull('sid'),
      client: fields.textOrNull('client'),
      tokenId: fields.textOrNull('jti'),
      scopes: new Set(fields.texts('scopes')),
      expiresAtMs: fields.time('exp'),
      issuedAtMs: fields.timeOrNull('iat'),
      // Only for sessions without a subject, of which no renewal is written.
      tokenDigest: '',
      claims: {},
    },
  }
}

function revocationIn(fields: Fields): Revocation {
  return {
    issuer: fields.text('iss'),
    on: fields.oneText('on', REVOKED_KINDS) as RevokedName, // one member, of these names
    beforeMs: fields.time('before'),
    untilMs: fields.timeOrNull('until') ?? Number.POSITIVE_INFINITY,
    jti: fields.textOrNull('jti'),
    reason: fields.textOrNull('reason'),
  }
}
