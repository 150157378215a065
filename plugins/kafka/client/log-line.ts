// librdkafka's log lines, as node-rdkafka hands them over.

/** node-rdkafka's types say `any`. `fac` is librdkafka's word for what the line is about, `severity` syslog's number. */
export interface LogLine {
  readonly message: string
  readonly fac: string
  readonly severity: number
}

/** A topic's id (KIP-516), which is another one once the topic was deleted and made again. */
export interface TopicIdNews {
  readonly topic: string
  readonly id: string
}

/** A partition that librdkafka reads no further, since what it asked for is not there. */
export interface StopNews {
  readonly topic: string
  readonly partition: number
  /** The log was cut off and written anew behind what was read (KIP-320). */
  readonly isTruncated: boolean
}

const DEBUG = 7
const TOPIC_ID = /: Topic ([\w.-]+) changed id from \S+ to (\S+)$/
/** What brokers tell that know no topic ids. */
const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'
const STOP = /: ([\w.-]+) \[(\d+)\]: offset reset \(.*\) to offset INVALID .*?: (.*)$/
const TRUNCATION = /log truncation detected$/

export function isDebug({ severity }: LogLine): boolean {
  return severity >= DEBUG
}

/** What node-rdkafka has no call for: the id that a topic has as of the line; null if it says none. */
export function topicIdIn({ fac, message }: LogLine): TopicIdNews | null {
  const [, topic, id] = (fac === 'METADATA' && TOPIC_ID.exec(message)) || []
  return topic === undefined || id === undefined || id === NO_ID ? null : { topic, id }
}

/**
 * The partition that stops as of the line; null if none does. The same comes as an error of a read, but without the
 * partition, and not at all where records came in the same read: node-rdkafka then drops it.
 */
export function stopIn({ fac, message }: LogLine): StopNews | null {
  const [, topic, partition, why] = (fac === 'OFFSET' && STOP.exec(message)) || []
  if (topic === undefined || why === undefined) return null
  return { topic, partition: Number(partition), isTruncated: TRUNCATION.test(why) }
}

/** True if the line says why a connection failed. */
export function tellsFailure({ fac }: LogLine): boolean {
  return fac === 'FAIL' || fac === 'ERROR'
}

/** The line without the thread's name in front and the time that it took behind, which say nothing to an operator. */
export function failureOf(line: string): string {
  return line.replace(/^\[thrd:[^\]]*\]: /, '').replace(/ \(after .*$/, '')
}
