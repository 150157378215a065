// Topics that are opened several times, by streams that select and by streams that do not. No broker answers.

import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, it } from 'vitest'
import kafka from '../../../plugins/kafka.ts'
import { parseSelector } from '../../../src/routing/selector.ts'

let app: FastifyInstance

beforeEach(async () => {
  app = fastify()
  await app.register(kafka, { bootstrapServers: '127.0.0.1:1' })
})

afterEach(() => app.close())

const SELECTORS = ['headers.user', 'key'].map(parseSelector)

it('have one bus, which is selected by what the first names', () => {
  const topics = app.kafkaSseTopics
  const topic = topics.open('orders', 'text', 'latest', SELECTORS)
  expect(SELECTORS.map((selector) => topic.bus.routeReader.numberOf(selector))).toEqual([0, 255])
  expect(topics.open('orders', 'text', 'latest')).toBe(topic)
  expect(topics.open('orders', 'text', 'latest', SELECTORS.slice(1))).toBe(topic)
  expect(topics.all()).toEqual([topic])
})

it('are refused to streams that select by something else, by name', () => {
  const topics = app.kafkaSseTopics
  topics.open('orders', 'text', 'latest')
  expect(() => topics.open('orders', 'text', 'latest', SELECTORS)).toThrow(
    'topic orders is open already, and not to be selected by headers.user',
  )
  expect(topics.all()).toHaveLength(1)
})
