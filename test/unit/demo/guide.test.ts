// What the demo prints: commands that can be pasted, for the streams that it has.

import { describe, expect, test } from 'vitest'
import { parseDemoEnvironment } from '../../../src/config/parse.ts'
import { type DemoSurroundings, demoGuide } from '../../../src/demo/guide.ts'
import { LOCAL_HOSTS } from '../../../src/demo/identity.ts'
import type { StreamOptions } from '../../../src/options.ts'

async function guideFor(
  onlyStream: StreamOptions,
  broker: DemoSurroundings['broker'] = 'started',
  configFile?: string,
): Promise<string> {
  const fixed = { 'auth.issuer': 'https://a.test', 'auth.audience': 'b', 'auth.keys': 'private.pem' }
  const defaults = { host: 'localhost', 'kafka.bootstrapServers': '127.0.0.1:9092', tls: 'off' }
  const presets = {
    folder: '/nowhere',
    localHosts: LOCAL_HOSTS,
    fixed: new Map(Object.entries(fixed)),
    defaults: new Map(Object.entries(defaults)),
    onlyStream,
  }
  const options = await parseDemoEnvironment({}, presets)
  return demoGuide(options, 7143, { made: [], broker, producedTopic: 'events', configFile })
}

describe('the guide of the demo', () => {
  test('has commands for a stream that any token opens', async () => {
    const guide = await guideFor({ path: '/events', topic: 'events' })
    expect(guide).toContain('http://localhost:7143/events streams the topic events.\n')
    expect(guide).toContain(`"http://localhost:7143/events?access_token=\${JWT_TOKEN}"\n`)
    expect(guide).toContain("  npx kafka-sse produce --key 1 '{")
    expect(guide).not.toContain('--key 2')
  })

  test('names a topic that is not that of `produce`, and keys where a client may choose them', async () => {
    const guide = await guideFor({ path: '/prices', topic: 'prices', select: ['key'] })
    expect(guide).toContain("  npx kafka-sse produce --topic prices --key 1 '{")
    expect(guide).toContain('  npx kafka-sse tail http://localhost:7143/prices --key 1 --key 2\n')
  })

  test('says that `where` alone gives a client all of the topic', async () => {
    const stream = { path: '/of/:who', topic: 'orders', where: { 'params.who': '{token.who}' } }
    expect(await guideFor(stream)).toContain('http://localhost:7143/of/:who streams the topic orders.\n')
  })

  test.each([
    [undefined, 'npx kafka-sse demo'],
    ['orders.mjs', 'CONFIG_FILE=orders.mjs npx kafka-sse demo'],
    ["/my files/o'.mjs", "CONFIG_FILE='/my files/o'\\''.mjs' npx kafka-sse demo"],
  ])('starts again what was started, with CONFIG_FILE %s', async (configFile, command) => {
    for (const broker of ['started', 'found'] as const) {
      const lines = (await guideFor({ path: '/orders', topic: 'orders' }, broker, configFile)).split('\n')
      expect(lines.filter((line) => line.startsWith(`  ${command}`))).toHaveLength(1)
    }
  })

  test.each<[StreamOptions, string]>([
    [
      { path: '/orders/:customer', topic: 'orders', key: '{params.customer}' },
      "a client's part of the topic orders",
    ],
    [
      { path: '/mine', topic: 'orders', headers: { user: '{token.sub}' } },
      "a client's part of the topic orders",
    ],
    [{ path: '/of/:topic', topic: '{params.topic}', topics: ['a', 'b'] }, 'the topics a, b'],
    [{ path: '/audit', topic: 'audit', scope: 'audit:read' }, 'the topic audit'],
  ])('has no commands that would be refused: %j', async (stream, topic) => {
    const guide = await guideFor(stream)
    expect(guide).toContain(`http://localhost:7143${stream.path} streams ${topic}.\n`)
    expect(guide).toContain('docs/private-streams.md')
    expect(guide).not.toContain('JWT_TOKEN')
    expect(guide).toMatch(/^ {2}npx kafka-sse broker --topic \S+/m)
  })
})
