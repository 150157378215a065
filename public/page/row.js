// One event as a row of the list. A record's row opens to all that is known of it; that part is made when it opens.

import { make } from '../shared/dom.js'
import { count, number, shortened } from '../shared/numbers.js'
import { copyButton } from './copying.js'
import { jsonTree } from './json-tree.js'
import { lineOf } from './record.js'

/** Characters of a key or a value on its folded row, which is one line on a wide screen and three on a narrow one. */
const FOLDED_MAX = 320
/** Characters of a value that is no JSON, a key or a header, opened. */
const OPENED_MAX = 4_096
/** Headers that are shown of a record. */
const HEADERS_MAX = 100

export function row({ event, atMs }) {
  const { kind } = event
  if (kind === 'ready') return make('li', { class: 'ready' }, timeOf(atMs), make('p', {}, 'Live from here'))
  if (kind === 'gap') return make('li', { class: 'gap' }, timeOf(atMs), make('p', {}, gapWords(event.text)))
  return recordRow(event, atMs)
}

function gapWords(reason) {
  if (reason === 'too-large') return 'Gap: one record was too large to be sent'
  return `Gap (${shortened(reason, FOLDED_MAX)}): the stream starts from the beginning, rows below may be out of date`
}

function recordRow(event, atMs) {
  const { kind, key, text } = event
  const summary = make(
    'summary',
    { tabindex: -1 },
    timeOf(event.timestampMs ?? atMs),
    make('span', { class: 'key' }, shortened(key ?? '', FOLDED_MAX)),
    make('span', { class: 'place', title: 'Partition and offset' }, placeWords(event)),
    kind === 'delete' ? make('span', { class: 'deleted' }, 'deleted') : valueElement(text),
  )
  const details = make('details', {}, summary)
  details.addEventListener('toggle', () => details.append(whole(event, atMs)), { once: true })
  return make('li', { class: kind }, details)
}

function valueElement(text) {
  return make('code', { class: 'value' }, shortened(text, FOLDED_MAX))
}

function placeWords({ partition, offset }) {
  return partition === null ? '' : `P${partition} · ${number(offset)}`
}

function timeOf(atMs) {
  const at = new Date(atMs)
  return make('time', { datetime: at.toISOString() }, at.toLocaleTimeString('en-GB'))
}

/** All that is known of a record, and the buttons that copy it. */
function whole(event, atMs) {
  const { key, partition, offset, headers, timestampMs, id, kind } = event
  const facts = [
    ['Key', key],
    ['Partition', partition],
    ['Offset', offset === null ? null : number(offset)],
    ['Written', timestampMs === null ? null : new Date(timestampMs).toISOString()],
    ['Received', new Date(atMs).toISOString()],
    ...headerFacts(headers ?? []),
    ['Event ID', id],
  ].filter(([, value]) => value !== null && value !== '')
  const list = make(
    'dl',
    {},
    ...facts.map(([name, value]) =>
      make('div', {}, make('dt', {}, name), make('dd', {}, shortened(`${value}`, OPENED_MAX))),
    ),
  )
  const copying = make(
    'div',
    { class: 'actions' },
    ...(kind === 'delete' ? [] : [copyButton('Copy value', () => event.text)]),
    copyButton('Copy record', () => lineOf(event)),
    copyButton('Copy ID', () => id),
  )
  return make('div', { class: 'whole' }, ...valueParts(event), list, copying)
}

function headerFacts(headers) {
  const facts = headers
    .slice(0, HEADERS_MAX)
    .map(({ name, value }) => [`Header ${shortened(name, FOLDED_MAX)}`, value])
  const left = headers.length - facts.length
  return left > 0 ? [...facts, ['Headers', `${count(left, 'more header')}`]] : facts
}

function valueParts({ kind, json, text }) {
  if (kind === 'delete') return []
  return [json === null ? make('pre', {}, shortened(text, OPENED_MAX)) : jsonTree(json)]
}
