// A card for each topic: whether it is read to its end, what is kept of it, and its partitions.

import { element, make } from '../shared/dom.js'
import { bytes, count, number, rate } from '../shared/numbers.js'
import { perSecond } from './words.js'

/** Cards by the name and the encoding of their topic. */
const cards = new Map()

export function showTopics(status, previous) {
  const { topics, topicsByPath } = status
  const keys = topics.map(({ name, encoding, keeps }) => `${name} ${encoding} ${keeps}`)
  for (const [key, { root }] of cards) {
    if (keys.includes(key)) continue
    root.remove()
    cards.delete(key)
  }
  for (const [at, topic] of topics.entries()) {
    const card = cards.get(keys[at]) ?? newCard(keys[at])
    const before = previous?.topics.find(
      ({ name, encoding, keeps }) => `${name} ${encoding} ${keeps}` === keys[at],
    )
    const readPerSecond = before ? perSecond(status, previous, (each) => appended(each, keys[at])) : 0
    card.show(topic, readPerSecond)
  }
  element('by-path').textContent = byPathWords(topicsByPath)
}

function appended({ topics }, key) {
  return (
    topics.find(({ name, encoding, keeps }) => `${name} ${encoding} ${keeps}` === key)?.recordsAppended ?? 0
  )
}

export function byPathWords({ open, shown: listed, retainedBytes, bytesMax }) {
  if (open === 0) return ''
  const shown = open > listed ? `, of which ${listed} are shown` : ''
  return `${count(open, 'topic')} open by path${shown}: ${bytes(retainedBytes)} of ${bytes(bytesMax)}.`
}

function newCard(key) {
  const card = new TopicCard()
  cards.set(key, card)
  element('topics').append(card.root)
  return card
}

class TopicCard {
  #name = make('h3')
  #state = make('p', { class: 'state' })
  #kept = make('p')
  #meter = make('meter', { min: 0 })
  #summary = make('summary')
  #partitions = make('ul')
  /** What the list shows. */
  #lines = ''
  root = make(
    'div',
    { class: 'card topic' },
    make('div', { class: 'line' }, this.#name, this.#state),
    this.#kept,
    this.#meter,
    make('details', {}, this.#summary, this.#partitions),
  )

  show(topic, readPerSecond) {
    const { name, encoding, keeps, lag, retainedRecords, retainedBytes, retainedBytesMax, partitions } = topic
    const { partitionsCount } = topic
    this.#name.replaceChildren(name, ' ', make('small', {}, `${encoding}, ${keepsWords(keeps)}`))
    this.#state.textContent = stateWords(topic)
    this.#state.dataset.state =
      topic.trouble !== null || topic.isFull ? 'bad' : topic.isCaughtUp ? 'good' : 'warn'
    const kept = `${count(retainedRecords, 'record')} kept in ${bytes(retainedBytes)} of ${bytes(retainedBytesMax)}`
    this.#kept.textContent = `${kept} · ${rate(readPerSecond)} read a second`
    Object.assign(this.#meter, { max: retainedBytesMax, value: retainedBytes })
    this.#meter.setAttribute('aria-label', `Memory of ${name}, ${encoding}`)
    const behind = lag > 0 ? `, ${number(lag)} behind` : ''
    this.#summary.textContent = `${count(partitionsCount, 'partition')}${behind}`
    const lines = partitions.map(partitionWords)
    if (partitionsCount > partitions.length)
      lines.push(`and ${number(partitionsCount - partitions.length)} more`)
    if (lines.join('\n') === this.#lines) return
    this.#lines = lines.join('\n')
    this.#partitions.replaceChildren(...lines.map((words) => make('li', {}, words)))
  }
}

function keepsWords(keeps) {
  return keeps === 'latest' ? 'the newest of each key' : 'every record'
}

/** `isFull` is no reason of readiness: streams that are open go on, and so do those that come back. */
export function stateWords({ trouble, isCaughtUp, isFull }) {
  if (trouble !== null) return trouble
  if (isFull)
    return 'full: new streams get no snapshot, and end as busy. Raise the bound of retained bytes or records, then restart.'
  return isCaughtUp ? 'read to its end' : 'still being read'
}

function partitionWords({ partition, next, lag }) {
  const read = next <= 0 ? 'nothing yet' : `offset ${number(next - 1)}`
  return `Partition ${partition}: ${read}, ${lag === 0 ? 'up to date' : `${number(lag)} behind`}`
}
