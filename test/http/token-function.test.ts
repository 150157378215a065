// A CONFIG_FILE with a `kafka.token` function in a real process, with one thread and with workers. Needs `npm run
// build`.

import { expect, it, vi } from 'vitest'
import { CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { makeKey } from '../support/keys-and-tokens.ts'
import { hasKafkaFeatures } from '../support/programs.ts'
import { forThisTest } from '../support/scene.ts'

const CAN_RUN = hasKafkaFeatures('kafka.token in a process', 'sasl_oauthbearer')
const CONFIG = `export default { kafka: {
  config: { 'security.protocol': 'sasl_plaintext', 'sasl.mechanisms': 'OAUTHBEARER' },
  token: async () => { throw new Error('the role cannot be assumed') },
} }`

it.skipIf(!CAN_RUN).each(['1', '2'])('is called where Kafka is read, with WORKERS=%s', async (workers) => {
  const scene = await forThisTest(CommandScene.open({ 'public.pem': makeKey('ES256').publicPem }))
  const CONFIG_FILE = scene.file('options.mjs', CONFIG)
  const run = scene.start(['serve'], { ...SERVE_SETTINGS, WORKERS: workers, CONFIG_FILE })
  const failed = 'the Kafka client does not start: kafka.token failed: the role cannot be assumed'
  await vi.waitUntil(() => run.stdout.includes(failed), { timeout: 30_000, interval: 50 })
  await run.listening()
  expect(await run.end('SIGTERM')).toBe(0)
})
