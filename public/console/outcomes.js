// How requests and streams ended lately.

import { element } from '../shared/dom.js'
import { bytes, duration, number } from '../shared/numbers.js'
import { Table } from './table.js'
import { ago } from './words.js'

const refusals = new Table(
  element('refusals'),
  ['Last', 'Path', 'Code', 'Why', 'Times#'],
  'Nothing was refused.',
)
const ends = new Table(
  element('ends'),
  ['When', 'Path', 'Subject', 'Reason', 'After#', 'Records#', 'Bytes#'],
  'No stream has ended.',
)
/** What the reasons of ends mean. */
const ENDS = {
  expired: 'expired: the token was not renewed',
  aged: 'aged: it was as old as a stream gets',
  revoked: 'revoked: its token was',
  slow: 'slow: the client took nothing',
  shutdown: 'shutdown: the server stops',
  'too-old': 'too-old: the client fell behind what is kept',
  busy: 'busy: there was no room',
  client: 'client: it left',
  'worker-died': 'worker-died: its worker thread died',
}

export function showOutcomes({ atMs, refusals: refused, ends: ended, streams }) {
  refusals.fill(
    refused.map((refusal) => [
      ago(refusal.atMs, atMs),
      refusal.path,
      refusal.code,
      whyWords(refusal),
      number(refusal.count),
    ]),
  )
  element('ended').textContent = endedWords(streams.ended)
  ends.fill(
    ended.map((end) => [
      ago(end.atMs, atMs),
      end.path,
      end.subject ?? 'none',
      ENDS[end.reason] ?? end.reason,
      duration(end.seconds),
      number(end.records),
      bytes(end.bytes),
    ]),
  )
}

function whyWords({ check, reason, offSeconds }) {
  const parts = [check, reason, offSeconds === null ? null : `off by ${number(Math.round(offSeconds))} s`]
  return parts.filter((part) => part !== null).join(': ')
}

/** All since the start, by reason. */
function endedWords(reasons) {
  const counted = Object.entries(reasons).filter(([, times]) => times > 0)
  const words = counted.map(([reason, times]) => `${number(times)} ${reason}`).join(', ')
  return words === '' ? '' : `Since the start: ${words}.`
}
