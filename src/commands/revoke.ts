// `kafka-sse revoke`: tells all replicas, by the control topic, that tokens count no more. Promise: it ends when Kafka
// has the revocation, or with one line that says why not. It ends with 0 only if no server seems to pass it over.

import { randomBytes } from 'node:crypto'
import type { ParseArgsConfig } from 'node:util'
import { type Delivery, RecordProducer } from '../../plugins/kafka/client/producer.ts'
import { readNewest } from '../../plugins/kafka/control/newest-records.ts'
import { parseSince } from '../../routes/since.ts'
import { EXIT_DONE, EXIT_FAILED, tellProblems } from '../app/exit.ts'
import { ControlKeys } from '../control/control-keys.ts'
import { encodeRecord, MAC_HEADER, macText } from '../control/control-record.ts'
import { HeardSecrets } from '../control/heard-secrets.ts'
import { errorWords } from '../errors.ts'
import { SYSTEM_CLOCK } from '../stream/clock.ts'
import { quoted } from '../text/quoted.ts'
import { type Revocation, type RevocationRequest, revocationOf } from '../token/revocation.ts'
import { type Given, type Outputs, runCommand } from './command-line.ts'
import { type ControlTarget, findControl } from './control-target.ts'

const HELP = `kafka-sse revoke --sub NAME | --sid NAME | --jti NAME | --client NAME [options]

Ends the streams of the tokens that it names, and has these tokens refused from now on, in all servers that read the
control topic.

  --sub NAME       all tokens of a subject
  --sid NAME       those of one session of the provider
  --jti NAME       one token
  --client NAME    those of an application: azp, else client_id, appid or cid
  --issuer URL     whose tokens; required if the settings name several issuers, or none
  --before TIME    those issued in this second or earlier: ISO 8601 or epoch ms
                   (default: now; of one token a minute later, because clocks differ)
  --reason TEXT    why, for operators

The settings are those of the server: KAFKA_CONTROL_TOPIC, SECRET_KEY, KAFKA_BOOTSTRAP_SERVERS and KAFKA_CONFIG_*, and
its issuers.
`

const OPTIONS = {
  sub: { type: 'string' },
  sid: { type: 'string' },
  jti: { type: 'string' },
  client: { type: 'string' },
  issuer: { type: 'string' },
  before: { type: 'string' },
  reason: { type: 'string' },
} satisfies ParseArgsConfig['options']

/** Heartbeats count from so many times the time that they may be missing: clocks may differ. */
const HEARD_WITHIN = 2

const NAMES = ['sub', 'sid', 'jti', 'client', 'issuer', 'reason'] as const

export async function revoke(
  args: string[],
  env: NodeJS.ProcessEnv,
  outputs: Outputs = process,
): Promise<number> {
  const line = { help: HELP, options: OPTIONS }
  return runCommand(line, args, async (given) => tell(given, env, outputs), outputs)
}

async function tell(
  { values }: Given<typeof OPTIONS>,
  env: NodeJS.ProcessEnv,
  outputs: Outputs,
): Promise<number> {
  const target = await findControl(env)
  const revocation = revocationOf(requestOf(values), target.lifetimes, SYSTEM_CLOCK.epochMs())
  const { delivery, heard } = await written(revocation, target, outputs)
  const { partition, offset } = delivery
  outputs.stdout.write(`${target.topic} has it: partition ${partition}, offset ${offset}\n`)
  if (heard.warning !== null) outputs.stderr.write(`kafka-sse: ${heard.warning}\n`)
  return heard.code
}

/** Options that were not given are left out: `values` has more than those of this command. */
function requestOf(values: Given<typeof OPTIONS>['values']): RevocationRequest {
  const given = NAMES.filter((name) => values[name] !== undefined).map((name) => [name, values[name]])
  const { before } = values
  return { ...Object.fromEntries(given), ...(before !== undefined && { before: momentOf(before) }) }
}

function momentOf(before: string): number {
  const beforeMs = parseSince(before)
  if (beforeMs !== null) return beforeMs
  throw new Error(`--before is ISO 8601 or epoch ms, such as 2026-11-28T12:00Z, not ${quoted(before)}`)
}

async function written(
  revocation: Revocation,
  target: ControlTarget,
  outputs: Outputs,
): Promise<{ readonly delivery: Delivery; readonly heard: Heard }> {
  const { kafka, topic } = target
  const producer = new RecordProducer(kafka, (words) => tellProblems(new Error(words), outputs.stderr))
  await producer.connect()
  try {
    // Kafka may make a topic that is written to, and no server would read it.
    if (!(await producer.hasTopic(topic)))
      throw new Error(
        `there is no topic ${topic} (KAFKA_CONTROL_TOPIC), or this principal may not Describe it`,
      )
    const heard = await heardServers(target)
    const by = `kafka-sse revoke ${randomBytes(8).toString('base64url')}`
    const record = { op: 'revoke' as const, revocation, by, atMs: SYSTEM_CLOCK.epochMs() }
    const { key, value, mac } = encodeRecord(record, topic, new ControlKeys(heard.secrets))
    const headers = [{ name: MAC_HEADER, value: macText(mac) }]
    const { delivered } = await producer.produce({ topic, partition: null, key, value, headers })
    return { delivery: await delivered, heard }
  } finally {
    await producer.close()
  }
}

/** What the heartbeats of the servers say. */
interface Heard {
  /** To write with: the one that the servers have. All of ours if no server is heard, for those that start later. */
  readonly secrets: readonly Uint8Array[]
  /** null: servers read what is written. */
  readonly warning: string | null
  readonly code: typeof EXIT_DONE | typeof EXIT_FAILED
}

/**
 * While secrets are changed, servers may not read the first of ours yet. Heartbeats of others alone do not stop a
 * revocation, because any writer of the topic can make them.
 */
async function heardServers({ kafka, topic, secrets, blindMs }: ControlTarget): Promise<Heard> {
  const windowMs = HEARD_WITHIN * blindMs
  const heard = new HeardSecrets(topic, secrets, SYSTEM_CLOCK.epochMs() - windowMs)
  let reason = ''
  try {
    await readNewest(kafka, topic, (record) => heard.note(record))
  } catch (error) {
    reason = `: ${errorWords(error)}`
  }
  const { found } = heard
  const [where, written] = [
    `${topic} in the last ${windowMs / 1000} s`,
    'written for those that start later with this',
  ]
  if (found === 'foreign') {
    const passed = 'but others are there: servers with another SECRET_KEY pass this revocation over'
    const warning = `no heartbeat on ${where} is signed with this SECRET_KEY${reason}, ${passed}; ${written} one`
    return { secrets, warning, code: EXIT_FAILED }
  }
  if (found !== null) return { secrets: [found], warning: null, code: EXIT_DONE }
  const warning = `no server was heard on ${where}${reason}; ${written} SECRET_KEY`
  return { secrets, warning, code: EXIT_DONE }
}
