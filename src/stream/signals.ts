// The bytes that a stream sends besides its records. Plain clients see comments. With `signals` the block that holds
// the comment is also a named event. Constant bytes are made once.

import type { BeginningReason } from '../beginning/requested-beginning.ts'
import { formatEventId } from '../bus/event-id.ts'
import { TOO_LARGE_LINES } from '../bus/frame.ts'
import type { EndReason } from './counters.ts'

/** Why a stream could not continue exactly where its client left off. */
export type GapReason = BeginningReason | 'too-large'

/** Reasons that are sent to the client. */
export type SentEndReason = Exclude<EndReason, 'client' | 'worker-died'>

/** Exactly these bytes, without an id: clients know them from Zilla's challenges. */
export const CHALLENGE = Buffer.from(
  'event:challenge\ndata:{"method":"POST","headers":{"content-type":"application/x-challenge-response"}}\n\n',
)
/** The id of a client that has no record of any partition. */
const NO_RECORDS_ID = formatEventId(new Map())
const HEARTBEAT = Buffer.from(':\n\n')
const PING = Buffer.from(':\nevent:ping\ndata:{}\n\n')
const END_OF_BLOCK = Buffer.from('\n\n')
const TOO_LARGE = Buffer.concat(TOO_LARGE_LINES)
const TOO_LARGE_BLOCK = Buffer.concat([END_OF_BLOCK, TOO_LARGE])
const TOO_LARGE_EVENT = Buffer.from('event:gap\ndata:{"reason":"too-large"}\n')

/** Reconnection time at the start of each stream. Random, so that clients do not all reconnect at once. */
export const RETRY_MS = { min: 1000, max: 5000 }
/** The same for a client that is turned away: in `retry:` of a stream, or in an answer's Retry-After. */
export const RETRY_BUSY_MS = { min: 5000, max: 30_000 }

/** A random number in the range. */
export function between({ min, max }: { readonly min: number; readonly max: number }): number {
  return min + Math.random() * (max - min)
}

/** Reconnection time of the client, in ms (HTML spec 9.2.6, field `retry`). */
export function retry(delayMs: number): Buffer {
  return Buffer.from(`retry:${Math.round(delayMs)}\n\n`)
}

/** A heartbeat. `id`: the position, if it differs from the last id of the stream. */
export function heartbeat(id: string | null, signals: boolean): Buffer {
  if (id === null) return signals ? PING : HEARTBEAT
  return Buffer.from(signals ? `:\nevent:ping\ndata:{}\nid:${id}\n\n` : `:\nid:${id}\n\n`)
}

/**
 * The stream cannot continue at the client's position, and starts again. The event has the id of a client without any
 * record. So if the connection is lost before the first record, the client does not resume at its old id. A plain
 * client may, because it does not see the gap. In two cases a heartbeat brings it the new id: its topic was recreated,
 * or an open stream (`isOpen`) has moved its id since.
 */
export function gap(reason: GapReason, { signals, isOpen }: { signals: boolean; isOpen: boolean }): Buffer {
  if (signals)
    return Buffer.from(
      `:gap ${reason}\nevent:gap\ndata:${JSON.stringify({ reason })}\nid:${NO_RECORDS_ID}\n\n`,
    )
  const comment = Buffer.from(`:gap ${reason}\n\n`)
  return reason === 'recreated' || isOpen
    ? Buffer.concat([comment, heartbeat(NO_RECORDS_ID, false)])
    : comment
}

/**
 * Whole frames, with a named event added to each comment that replaces a too large record. Copies only if there is such
 * a comment. No record can look like one, because each of its lines begins with a field.
 */
export function withNamedGaps(frames: Buffer): Buffer {
  const pieces: Buffer[] = []
  let from = 0
  for (let at = nextTooLarge(frames, 0); at !== -1; at = nextTooLarge(frames, from)) {
    const end = at + TOO_LARGE.length
    pieces.push(frames.subarray(from, end), TOO_LARGE_EVENT)
    from = end
  }
  return from === 0 ? frames : Buffer.concat([...pieces, frames.subarray(from)])
}

/** Where the next comment of that kind begins; -1 if there is none. */
function nextTooLarge(frames: Buffer, from: number): number {
  if (from === 0 && TOO_LARGE.equals(frames.subarray(0, TOO_LARGE.length))) return 0
  const before = frames.indexOf(TOO_LARGE_BLOCK, from)
  return before === -1 ? -1 : before + END_OF_BLOCK.length
}

/** The snapshot is complete as of `id`; live records follow. */
export function ready(id: string, signals: boolean): Buffer {
  return Buffer.from(signals ? `:ready\nevent:ready\ndata:{}\nid:${id}\n\n` : ':ready\n\n')
}

/** Made once for each reason, because ten thousand streams may end at once. `aged` is sent as `expired`. */
export function end(reason: SentEndReason, signals: boolean): Buffer {
  const made = signals ? ENDS.named : ENDS.plain
  const known = made.get(reason)
  if (known !== undefined) return known
  const word = reason === 'aged' ? 'expired' : reason
  const event = `event:end\ndata:${JSON.stringify({ reason: word, reconnect: true })}\n`
  const bytes = Buffer.from(signals ? `:end ${word}\n${event}\n` : `:end ${word}\n\n`)
  made.set(reason, bytes)
  return bytes
}

const ENDS = { named: new Map<SentEndReason, Buffer>(), plain: new Map<SentEndReason, Buffer>() }
