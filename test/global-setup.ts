// One real Kafka for the whole run: the one that KAFKA_BOOTSTRAP_SERVERS names, or one started here. Where there is
// neither, the tests that need it are left out and the closing lines say so; under CI that is a failure instead.

import type { TestProject } from 'vitest/node'
import { NoKafkaError } from './kafka/kafka-jars.ts'
import { type RealKafka, startRealKafka } from './kafka/real-kafka.ts'

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
  if (bootstrapServers === null && process.env.CI) throw new Error(`No Kafka to test on: ${started}`)
  project.provide('kafkaBootstrapServers', bootstrapServers)
  project.provide('kafkaCanStart', own !== null)
  return async () => {
    await own?.close()
    console.log(closingLines(given, started))
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

function closingLines(given: string | undefined, started: RealKafka | NoKafkaError): string {
  const why = started instanceof NoKafkaError ? started.message : ''
  if (given !== undefined) {
    return `\nKafka: tested on the one at ${given}${why && `\n  !! LEFT OUT: tests that kill a broker (${why})`}`
  }
  if (why) return `\nKafka: NONE\n  !! LEFT OUT: every test on a real Kafka (${why})`
  return '\nKafka: tested on a real Apache Kafka 4.1.1 that the run started'
}
