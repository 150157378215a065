// The control topic of a command, by the settings of the server: where it is, its secrets, and whose tokens are
// accepted. Promise: what is missing or wrong is named, a line each; the other settings of a server are not needed.

import { tokenLifetimes } from '../config/auth/token-lifetimes.ts'
import { ConfigError } from '../config/config-error.ts'
import { resolveOptions } from '../config/cross-field-rules.ts'
import { type Document, valueAt } from '../config/document.ts'
import { connectionFaults } from '../config/kafka/connection-rules.ts'
import { lineOf, mergeSettings, nameOf } from '../config/merged-settings.ts'
import { secretsOf } from '../config/secret-key.ts'
import { type Fault, type SettingPlace, serverFaults } from '../config/validation.ts'
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

/** What this command cannot do without: one of the places of each has to be set. */
const NEEDED = [
  {
    places: [['kafka', 'controlTopic']],
    words: 'KAFKA_CONTROL_TOPIC is not set: the topic by which servers are told',
  },
  { places: [['sse', 'secretKey']], words: 'SECRET_KEY is not set: the one of the servers' },
  {
    places: [
      ['auth', 'issuer'],
      ['auth', 'issuers'],
      ['auth', 'authenticate'],
    ],
    words: 'JWT_ISSUER is not set: whose tokens are meant',
  },
]

function isMissing(document: Document, place: SettingPlace): boolean {
  return (valueAt(document, place) ?? null) === null
}

/** Rejects with a ConfigError. */
export async function findControl(env: NodeJS.ProcessEnv): Promise<ControlTarget> {
  const settings = await mergeSettings(env)
  const { document } = settings
  const found = [...serverFaults(document), ...connectionFaults(document)]
  const faults = found.filter(({ place: [group] }: Fault) => GROUPS.has(group))
  const missing = NEEDED.filter(({ places }) => places.every((place) => isMissing(document, place)))
  const problems = [
    ...settings.problems,
    ...faults.map((fault) => lineOf(fault, settings)),
    ...missing.map(({ words }) => words),
  ]
  if (problems.length > 0) throw new ConfigError(problems)
  const { kafka, auth, sse } = resolveOptions(document, (place) => nameOf(place, settings))
  const { controlTopic: topic } = kafka
  const { secretKey } = sse
  if (topic === null || secretKey === null) throw new Error('a setting that is there has no value')
  const lifetimes = tokenLifetimes({ auth })
  return { kafka, topic, secrets: secretsOf(secretKey), lifetimes, blindMs: sse.controlBlindSeconds * 1000 }
}
