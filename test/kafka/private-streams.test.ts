// docs/private-streams.md, run as it stands: its files, its commands in a shell, its terminals compared with what it
// says that they print. Only the port is another, and each topic of the examples is made on a real Kafka first.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { STREAM_SETTINGS } from '../../src/config/streams/single-stream-settings.ts'
import { HEADER_VALUES_MAX, SELECTORS_MAX } from '../../src/routing/route-reader.ts'
import { CHOSEN_VALUES_MAX } from '../../src/selection/selection.ts'
import { TEMPLATE_CHARACTERS_MAX, TEMPLATE_VALUES_MAX } from '../../src/selection/template.ts'
import { hasPrograms } from '../support/programs.ts'
import { bootstrapServers, Kafka } from './kafka.ts'
import { TutorialScene } from './tutorial-scene.ts'
import { type Tutorial, tutorialsIn } from './tutorial-text.ts'

const PAGE = readFileSync(fileURLToPath(new URL('../../docs/private-streams.md', import.meta.url)), 'utf8')

const can =
  bootstrapServers !== null && hasPrograms('docs/private-streams.md on a real Kafka', 'bash', 'curl')
const examples = tutorialsIn(PAGE)

describe('the limits of docs/private-streams.md', () => {
  it('are those of the code', () => {
    const [, limits = ''] = PAGE.split('\n## Limits\n')
    const numbers = [...limits.matchAll(/^\| .* \| ([\d,]+) \|$/gm)].map(([, text = '']) =>
      Number(text.replaceAll(',', '')),
    )
    const topics = Number(STREAM_SETTINGS.topics.maxItems)
    const values = [TEMPLATE_VALUES_MAX, TEMPLATE_CHARACTERS_MAX, CHOSEN_VALUES_MAX]
    expect(numbers).toEqual([...values, SELECTORS_MAX, HEADER_VALUES_MAX, topics])
  })
})

describe.skipIf(!can)('docs/private-streams.md', () => {
  let kafka: Kafka
  const made: string[] = []
  beforeAll(() => {
    kafka = new Kafka(bootstrapServers)
  })
  afterAll(async () => {
    for (const topic of made) await kafka.deleteTopic(topic)
    await kafka.close()
  })

  it('has five examples, each with a server and two terminals', () => {
    expect(examples.map(({ heading }) => heading.slice(0, 2))).toEqual(['1.', '2.', '3.', '4.', '5.'])
    for (const { heading, blocks } of examples)
      expect(
        blocks.map(({ terminal }) => terminal),
        heading,
      ).toEqual(expect.arrayContaining([null, 'server', 'alice', 'bob']))
  })

  it.each(examples.map((example): [string, Tutorial] => [example.heading, example]))(
    'shows what happens: %s',
    async (_, { blocks }) => {
      const scene = await TutorialScene.open(bootstrapServers ?? '')
      try {
        for (const block of blocks) {
          await scene.play(block)
          if (block.language === 'js') {
            for (const topic of await scene.topics()) made.push(await kafka.createTopic({ name: topic }))
          }
        }
        scene.compareAll()
      } finally {
        await scene.close()
      }
    },
    120_000,
  )
})
