// JSON as a tree that folds. Promise: what is folded is not made before it is opened, and one opening makes at most
// CHILDREN_MAX elements, so that no value can freeze the page.

import { make } from '../shared/dom.js'
import { count, shortened } from '../shared/numbers.js'

const CHILDREN_MAX = 200
/** Characters of a text that are shown. */
const TEXT_MAX = 4_096
/** The same of a member's name. */
const NAME_MAX = 320

/** An object or a list, opened to its first level. */
export function jsonTree(value) {
  const tree = make('div', { class: 'tree' })
  addMembers(tree, Object.entries(value), Array.isArray(value))
  return tree
}

function addMembers(parent, members, isList, from = 0) {
  const shown = members.slice(from, from + CHILDREN_MAX)
  parent.append(...shown.map(([name, value]) => member(isList ? `${name}` : JSON.stringify(name), value)))
  const left = members.length - from - shown.length
  if (left <= 0) return
  const more = make('button', { type: 'button', class: 'more' }, `${count(left, 'more member')} …`)
  more.addEventListener('click', () => {
    more.remove()
    addMembers(parent, members, isList, from + CHILDREN_MAX)
  })
  parent.append(more)
}

function member(name, value) {
  const label = make('span', { class: 'name' }, shortened(name, NAME_MAX))
  if (typeof value !== 'object' || value === null) return make('div', {}, label, ': ', leaf(value))
  return branch(label, value)
}

function branch(label, value) {
  const isList = Array.isArray(value)
  const members = Object.entries(value)
  const size = isList ? `[ ${count(members.length, 'element')} ]` : `{ ${count(members.length, 'member')} }`
  if (members.length === 0) return make('div', {}, label, `: ${isList ? '[]' : '{}'}`)
  const summary = make('summary', {}, label, ' ', make('span', { class: 'size' }, size))
  const details = make('details', {}, summary)
  details.addEventListener(
    'toggle',
    () => {
      const children = make('div', { class: 'tree' })
      addMembers(children, members, isList)
      details.append(children)
    },
    { once: true },
  )
  return details
}

function leaf(value) {
  const text = shortened(JSON.stringify(value), TEXT_MAX)
  return make('span', { class: value === null ? 'null' : typeof value }, text)
}
