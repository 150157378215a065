// The settings of Kafka that commands read by themselves: what could never log in is told before Kafka is asked.

import { describe, expect, test } from 'vitest'
import { findControl } from '../../../src/commands/control-target.ts'
import { findKafka } from '../../../src/commands/kafka-target.ts'

const CONTROL = {
  KAFKA_CONTROL_TOPIC: 'control',
  SECRET_KEY: 'k'.repeat(43),
  JWT_ISSUER: 'https://id.example',
}
const COMMANDS: Record<string, (env: NodeJS.ProcessEnv) => Promise<unknown>> = {
  revoke: (env) => findControl({ ...CONTROL, ...env }),
  produce: (env) => findKafka(undefined, env, '/'),
}
const SASL = { KAFKA_CONFIG_SECURITY_PROTOCOL: 'sasl_ssl' }
const PLAIN = { ...SASL, KAFKA_CONFIG_SASL_MECHANISM: 'PLAIN', KAFKA_CONFIG_SASL_USERNAME: 'alice' }

describe.each(Object.keys(COMMANDS))('Settings of %s', (command) => {
  test.each([
    ['a password', PLAIN, 'KAFKA_CONFIG_SASL_PASSWORD is not set: PLAIN needs it'],
    [
      'a way to a token',
      { ...SASL, KAFKA_CONFIG_SASL_MECHANISM: 'OAUTHBEARER' },
      'KAFKA_CONFIG_SASL_OAUTHBEARER_METHOD is not set',
    ],
    [
      'the CA file',
      { KAFKA_CONFIG_SECURITY_PROTOCOL: 'ssl', KAFKA_CONFIG_SSL_CA_LOCATION: '/nope' },
      'KAFKA_CONFIG_SSL_CA_LOCATION names "/nope", which cannot be read',
    ],
  ])('without %s are one line', async (_what, env, line) => {
    const rejected = COMMANDS[command]?.({ KAFKA_BOOTSTRAP_SERVERS: 'kafka.example:9092', ...env })
    await expect(rejected).rejects.toMatchObject({ problems: [expect.stringContaining(line)] })
  })

  test('that can log in are taken', async () => {
    const env = {
      KAFKA_BOOTSTRAP_SERVERS: 'kafka.example:9092',
      ...PLAIN,
      KAFKA_CONFIG_SASL_PASSWORD: 'p4ssword',
    }
    await expect(COMMANDS[command]?.(env)).resolves.toMatchObject({
      kafka: { bootstrapServers: 'kafka.example:9092' },
    })
  })
})
