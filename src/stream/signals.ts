// Everything a stream says besides its records. Plain clients see comments; with `signals` the same words come as
// events, too, in the block that holds the comment. Bytes that never change are made once.

import type { BeginningReason } from '../beginning/requested-beginning.ts'
import { formatEventId } from '../bus/event-id.ts'
import { TOO_LARGE_LINES } from '../bus/frame.ts'
import type { EndReason } from './counters.ts'

/** Why a stream could not go on exactly where its client left it. */
export type GapReason = BeginningReason | 'too-large'

/** Reasons that are told to the client; one that left by itself is told nothing. */
export type ToldEndReason = Exclude<EndReason, 'client'>

/** Exactly these bytes, without an id: clients that answer challenges know them from Zilla. */
export const CHALLENGE = Buffer.from(
  'event:challenge\ndata:{"method":"POST","headers":{"content-type":"application/x-challenge-response"}}\n\n',
)
/** The id of a client that has nothing of any partition. */
const NOWHERE_TEXT = formatEventId(new Map())
const HEARTBEAT = Buffer.from(':\n\n')
const PING = Buffer.from(':\nevent:ping\ndata:{}\n\n')
const END_OF_BLOCK = Buffer.from('\n\n')
const TOO_LARGE = Buffer.concat(TOO_LARGE_LINES)
const TOO_LARGE_BLOCK = Buffer.concat([END_OF_BLOCK, TOO_LARGE])
const TOO_LARGE_EVENT = Buffer.from('event:gap\ndata:{"reason":"too-large"}\n')

/** Reconnection time of the client, in ms (HTML spec 9.2.6, field `retry`). */
export function retry(delayMs: number): Buffer {
  return Buffer.from(`retry:${Math.round(delayMs)}\n\n`)
}

/** A heartbeat, with the position as id where it moved since the last id that the stream sent. */
export function heartbeat(id: string | null, signals: boolean): Buffer {
  if (id === null) return signals ? PING : HEARTBEAT
  return Buffer.from(signals ? `:\nevent:ping\ndata:{}\nid:${id}\n\n` : `:\nid:${id}\n\n`)
}

/**
 * The client's position is worth nothing here; it begins anew. As an event it brings an id that says so: a connection that is
 * lost before the first record must not bring the old one back. A client that does not hear of the gap does well to bring it
 * back, but not one of a topic that is another one now, nor one that an open stream (`isOpen`) has moved meanwhile.
 */
export function gap(reason: GapReason, { signals, isOpen }: { signals: boolean; isOpen: boolean }): Buffer {
  if (signals)
    return Buffer.from(
      `:gap ${reason}\nevent:gap\ndata:${JSON.stringify({ reason })}\nid:${NOWHERE_TEXT}\n\n`,
    )
  const told = Buffer.from(`:gap ${reason}\n\n`)
  return reason === 'recreated' || isOpen ? Buffer.concat([told, heartbeat(NOWHERE_TEXT, false)]) : told
}

/**
 * Whole frames, and behind each comment that stands for a record that is too large the same as an event: a copy where
 * there is one.
 * Nothing in a record makes a block that begins like that: its lines begin with a field.
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

/** Where the next block of that kind begins; -1 if there is none. */
function nextTooLarge(frames: Buffer, from: number): number {
  if (from === 0 && TOO_LARGE.equals(frames.subarray(0, TOO_LARGE.length))) return 0
  const before = frames.indexOf(TOO_LARGE_BLOCK, from)
  return before === -1 ? -1 : before + END_OF_BLOCK.length
}

/** The snapshot is complete as of `id`; what follows is live. */
export function ready(id: string, signals: boolean): Buffer {
  return Buffer.from(signals ? `:ready\nevent:ready\ndata:{}\nid:${id}\n\n` : ':ready\n\n')
}

/** Made once for each reason: ten thousand streams may end as one. */
export function end(reason: ToldEndReason, signals: boolean): Buffer {
  const made = signals ? ENDS.named : ENDS.plain
  const known = made.get(reason)
  if (known !== undefined) return known
  const event = `event:end\ndata:${JSON.stringify({ reason, reconnect: true })}\n`
  const bytes = Buffer.from(signals ? `:end ${reason}\n${event}\n` : `:end ${reason}\n\n`)
  made.set(reason, bytes)
  return bytes
}

const ENDS = { named: new Map<ToldEndReason, Buffer>(), plain: new Map<ToldEndReason, Buffer>() }
