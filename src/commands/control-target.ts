// The control topic of a command, by the settings of the server: where it is, its secrets, and whose tokens are
// accepted. Promise: what is missing or wrong is named, a line each; the other settings of a server are not needed.

import { tokenLifetimes } from '../config/auth/token-lifetimes.ts'
import { ConfigError } from '../config/config-error.ts'
import { resolveOptions } from '../config/cross-field-rules.ts'
import { lineOf, mergeSettings } from '../config/merged-settings.ts'
import { secretsOf } from '../config/secret-key.ts'
import { type Fault, serverFaults } from '../config/validation.ts'
import type { KafkaOptions } from '../options.ts'
import type { TokenLifetimes } from '../token/revocation.ts'

export interface ControlTarget {
  readonly kafka: KafkaOptions
  readonly topic: string
  readonly secrets: readonly Uint8Array[]
  readonly lifetimes: TokenLifetimes
  /** How long the servers' heartbeats may be missing. */
  readonly blindMs: number
}

/** What a server and this command need alike. */
const GROUPS: ReadonlySet<string | undefined> = new Set(['kafka', 'auth', 'streams', 'sse'])

/** Rejects with a ConfigError. */
export async function findControl(env: NodeJS.ProcessEnv): Promise<ControlTarget> {
  const settings = await mergeSettings(env)
  const { document } = settings
  const faults = serverFaults(document).filter(({ place: [group] }: Fault) => GROUPS.has(group))
  const problems = [...settings.problems, ...faults.map((fault) => lineOf(fault, settings))]
  if (problems.length > 0) throw new ConfigError(problems)
  const { kafka, auth, sse } = resolveOptions(document)
  const { controlTopic: topic } = kafka
  const { secretKey } = sse
  const lifetimes = tokenLifetimes({ auth })
  if (topic === null) problems.push('KAFKA_CONTROL_TOPIC is not set: the topic by which servers are told')
  if (secretKey === null) problems.push('SECRET_KEY is not set: the one of the servers')
  if (typeof lifetimes !== 'number' && lifetimes.has(''))
    problems.push('JWT_ISSUER is not set: whose tokens are meant')
  if (topic === null || secretKey === null || problems.length > 0) throw new ConfigError(problems)
  return { kafka, topic, secrets: secretsOf(secretKey), lifetimes, blindMs: sse.controlBlindSeconds * 1000 }
}
