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

/** Why records were not read. If a right is missing, it is named; `what` is the topic. */
export function readFailure(error: unknown, what: string): string {
  const words = errorWords(error)
  return codeOf(error) === TOPIC_UNAUTHORIZED ? `this principal may not Read ${what}: ${words}` : words
}

/** Why a record was not written. If a right is missing, it is named; `what` is the topic. */
export function writeFailure(words: string, what: string): string {
  return MAY_NOT_WRITE.test(words) ? `this principal may not Write to ${what}: ${words}` : words
}
