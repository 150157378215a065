// What an error of node-rdkafka says: librdkafka's code, and the right that is missing, for an operator.

import { errorWords } from '../../../src/errors.ts'

/** librdkafka's number of an error; NaN for an error without one. */
export function codeOf(error: unknown): number {
  return error instanceof Error && 'code' in error ? Number(error.code) : Number.NaN
}

/** By librdkafka's number: the principal may not read the topic. */
const TOPIC_UNAUTHORIZED = 29
/** The principal has no right on the group. librdkafka asks who coordinates it, which has no members here. */
const GROUP_UNAUTHORIZED = 30
/**
 * How Kafka refuses a record of a principal that may not write to the topic; the cluster, if it may not write to any.
 * node-rdkafka hands on no code of a record.
 */
const MAY_NOT_WRITE = /(topic|cluster) authorization failed/i

/** Whether an error of a read concerns the group alone, so that records are read all the same. */
export function isOfGroup(error: unknown): boolean {
  return codeOf(error) === GROUP_UNAUTHORIZED
}

/** A partition reports at most one of them until it is read again. */
const EXPLAINED_BY_REFRESH = new Set([
  3, // UNKNOWN_TOPIC_OR_PART
  -190, // ERR__UNKNOWN_PARTITION
  -140, // ERR__AUTO_OFFSET_RESET
])

/** Whether an error of a read is of a partition, and what Kafka tells of its topic explains it better. */
export function isExplainedByRefresh(error: unknown): boolean {
  return EXPLAINED_BY_REFRESH.has(codeOf(error))
}

/** Broken records, by librdkafka's number: it cannot decompress or parse them. */
const BROKEN_RECORDS = new Set([
  -170, // ERR__NOT_IMPLEMENTED
  -198, // ERR__BAD_COMPRESSION
  -199, // ERR__BAD_MSG
])

/** Whether an error of a read is of a partition, so that others are read. Kafka's own numbers are positive. */
export function isOfPartition(error: unknown): boolean {
  const code = codeOf(error)
  return (code > 0 && code !== GROUP_UNAUTHORIZED) || BROKEN_RECORDS.has(code)
}

/** The same as `readFailure`, by the name of Kafka's error. */
export function refusedRead(name: string, what: string): string {
  const words = `Broker: ${name.charAt(0)}${name.slice(1).toLowerCase().replaceAll('_', ' ')}`
  return name === 'TOPIC_AUTHORIZATION_FAILED' ? mayNotRead(words, what) : words
}

/** Why records were not read. If a right is missing, it is named; `what` is the topic. */
export function readFailure(error: unknown, what: string): string {
  const words = errorWords(error)
  return codeOf(error) === TOPIC_UNAUTHORIZED ? mayNotRead(words, what) : words
}

function mayNotRead(words: string, what: string): string {
  return `this principal may not Read ${what}: ${words}`
}

/** Why a record was not written. If a right is missing, it is named; `what` is the topic. */
export function writeFailure(words: string, what: string): string {
  return MAY_NOT_WRITE.test(words) ? `this principal may not Write to ${what}: ${words}` : words
}
