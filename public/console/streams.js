// Streams by path, and those whose clients take nothing.

import { element } from '../shared/dom.js'
import { bytes, duration, number } from '../shared/numbers.js'
import { Table } from './table.js'

const paths = new Table(element('paths'), ['Path', 'Open#', 'Opened#'], 'No stream has been opened yet.')
const slow = new Table(
  element('slow'),
  ['Path', 'Subject', 'For#', 'Waiting#'],
  'None: every client keeps up.',
)

export function showPaths({ paths: counted }) {
  paths.fill(counted.map(({ path, open, opened }) => [path, number(open), number(opened)]))
}

export function showSlow({ slow: { count: total, longest } }) {
  const rows = longest.map(({ path, subject, seconds, bytes: waiting }) => [
    path,
    subject ?? 'none',
    duration(seconds),
    bytes(waiting),
  ])
  const more = total - longest.length
  slow.fill(more > 0 ? [...rows, [`and ${number(more)} more`, '', '', '']] : rows)
}
