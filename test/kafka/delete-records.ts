// Kafka's DeleteRecords, version 0: moves the start of a partition's log.
// https://kafka.apache.org/protocol.html#The_Messages_DeleteRecords

import { askBroker, type Broker, int32, int64, text } from './wire.ts'

const DELETE_RECORDS = { key: 21, version: 0 }
const TIMEOUT_MS = 10_000
const ERROR_BYTES = 2

/** Deletes what lies below `offset`; resolves when the leader, which one has to know, has done so. */
export async function deleteRecords(
  leader: Broker,
  topic: string,
  partition: number,
  offset: number,
): Promise<void> {
  const topics = [int32(1), text(topic), int32(1), int32(partition), int64(offset)]
  const answer = await askBroker(leader, DELETE_RECORDS, [...topics, int32(TIMEOUT_MS)])
  // The error stands last in an answer for one partition.
  const code = answer.readInt16BE(answer.length - ERROR_BYTES)
  if (code !== 0) throw new Error(`Kafka did not delete the records: error ${code}`)
}
