// What an error of node-rdkafka says: librdkafka's code, and the right that is missing, for an operator.

/** librdkafka's number of an error; NaN for an error without one. */
export function codeOf(error: unknown): number {
  return error instanceof Error && 'code' in error ? Number(error.code) : Number.NaN
}

/** By librdkafka's number: the principal may not do that with a topic. */
export const TOPIC_UNAUTHORIZED = 29
/**
 * How Kafka refuses a record of a principal that may not write to the topic; the cluster, if it may not write to any.
 * node-rdkafka hands on no code of a record.
 */
const MAY_NOT_WRITE = /(topic|cluster) authorization failed/i

/** Why a record was not written. If a right is missing, it is named; `what` is the topic. */
export function writeFailure(words: string, what: string): string {
  return MAY_NOT_WRITE.test(words) ? `this principal may not Write to ${what}: ${words}` : words
}
