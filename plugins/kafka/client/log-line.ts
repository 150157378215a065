// librdkafka's log lines, as node-rdkafka hands them over.

import { redactText } from '../../../src/http/redaction.ts'

/**
 * node-rdkafka's types say `any`. `fac` is librdkafka's word for what the line is about, `severity` syslog's number.
 */
export interface LogLine {
  readonly message: string
  readonly fac: string
  readonly severity: number
}

/** A topic's id (KIP-516). A topic that was deleted and recreated has another one. */
export interface TopicIdNews {
  readonly topic: string
  readonly id: string
}

/** A partition that librdkafka no longer reads, because the offset that it asked for is gone. */
export interface StopNews {
  readonly topic: string
  readonly partition: number
  /** The log was truncated and written again after it was read (KIP-320). */
  readonly isTruncated: boolean
}

const DEBUG = 7
const TOPIC_ID = /: Topic ([\w.-]+) changed id from \S+ to (\S+)$/
/** The id that brokers without topic ids send. */
const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'
const STOP = /: ([\w.-]+) \[(\d+)\]: offset reset \(.*\) to offset INVALID .*?: (.*)$/
const TRUNCATION = /log truncation detected$/

export function isDebug({ severity }: LogLine): boolean {
  return severity >= DEBUG
}

/** The topic id in the line; null if it has none. node-rdkafka has no call for it. */
export function topicIdIn({ fac, message }: LogLine): TopicIdNews | null {
  const [, topic, id] = (fac === 'METADATA' && TOPIC_ID.exec(message)) || []
  return topic === undefined || id === undefined || id === NO_ID ? null : { topic, id }
}

/**
 * The partition that stops, according to the line; null if none does. A read's error says the same, but without the
 * partition. node-rdkafka drops that error if the read brought records, too.
 */
export function stopIn({ fac, message }: LogLine): StopNews | null {
  const [, topic, partition, why] = (fac === 'OFFSET' && STOP.exec(message)) || []
  if (topic === undefined || why === undefined) return null
  return { topic, partition: Number(partition), isTruncated: TRUNCATION.test(why) }
}

/** What lines are about that say why no connection could be made: OIDC and JWT no token, SASLREFRESH no ticket. */
const FAILURES = new Set(['FAIL', 'ERROR', 'OIDC', 'JWT', 'SASLREFRESH'])
/** A token endpoint's whole answer may be in a line. */
const FAILURE_CHARACTERS_MAX = 500

/** Whether the line says why a connection failed. */
export function tellsFailure({ fac }: LogLine): boolean {
  return FAILURES.has(fac)
}

/** Connections that end early, with what that mostly means. librdkafka 2.12 does not say it. */
const CUT_EARLY: readonly (readonly [RegExp, string])[] = [
  [
    /Disconnected.* \(after \d+ms in state APIVERSION_QUERY/,
    ' (before the first answer: a broker that wants TLS, or a proxy without a broker? See security.protocol)',
  ],
  // Without SASL: a broker that wants it takes the first request, and no second one.
  [
    /^(?!.*\bsasl_).*Disconnected.* \(after (\d{1,3}|1\d{3})ms in state UP/,
    ' (right after the connect: a broker that wants a login? See security.protocol)',
  ],
]

/**
 * The line without the thread's name at its beginning and the time at its end, which do not help an operator, and
 * without credentials, because readiness tells it, too. It says what may be wrong where librdkafka knows more than it
 * says.
 */
export function failureOf(line: string): string {
  const words = line.replace(/^\[thrd:[^\]]*\]: /, '').replace(/ \(after .*$/, '')
  const [, hint = ''] = CUT_EARLY.find(([cut]) => cut.test(line)) ?? []
  return redactText(words.replace(/\s+/g, ' ')).slice(0, FAILURE_CHARACTERS_MAX) + hint
}
