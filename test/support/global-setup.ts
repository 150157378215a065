// One real Kafka for the whole run: the one that KAFKA_BOOTSTRAP_SERVERS names, or one started here. Without either,
// tests that need it are left out; under CI that is a failure.

import type { TestProject } from 'vitest/node'
import { NoKafkaError } from '../kafka/kafka-jars.ts'
import { type RealKafka, startRealKafka } from '../kafka/real-kafka.ts'
import { leaveOut } from './left-out.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the run's Kafka is; null if the tests that need it are to be left out. */
    kafkaBootstrapServers: string | null
    /** True if this machine can start further ones: tests that kill a broker start their own. */
    kafkaCanStart: boolean
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.KAFKA_BOOTSTRAP_SERVERS
  const started = await start()
  const own = started instanceof NoKafkaError ? null : started
  const bootstrapServers = given ?? own?.bootstrapServers ?? null
  if (started instanceof NoKafkaError) {
    const tests = given === undefined ? 'every test on a real Kafka' : 'tests that kill a broker'
    leaveOut(tests, started.message)
  }
  project.provide('kafkaBootstrapServers', bootstrapServers)
  project.provide('kafkaCanStart', own !== null)
  return async () => {
    await own?.close()
    if (bootstrapServers !== null)
      console.log(`\nKafka: tested on ${given ?? 'a real Apache Kafka that the run started'}`)
  }
}

async function start(): Promise<RealKafka | NoKafkaError> {
  try {
    return await startRealKafka()
  } catch (error) {
    if (error instanceof NoKafkaError) return error
    throw error
  }
}
