// `kafka-sse features`: what the installed librdkafka was built without, and the command that adds it. The installation runs it
// last, since the compiler does not say what it left out.

import { BUILT_FEATURES, missingParts } from '../../plugins/kafka/client/librdkafka-build.ts'
import { EXIT_DONE } from '../app/exit.ts'
import { runCommand } from './command-line.ts'

const HELP = `kafka-sse features

Says what librdkafka, with which Kafka is read, was built without (TLS, SASL, compression, OIDC), and how to get it.
`

export async function features(args: string[]): Promise<number> {
  return runCommand({ help: HELP, options: {} }, args, async () => {
    process.stdout.write(report(BUILT_FEATURES))
    return EXIT_DONE
  })
}

export function report(built: readonly string[]): string {
  const missing = missingParts(built)
  if (missing === null) return 'librdkafka was built with TLS, SASL, OIDC and every compression.\n'
  const { words, command } = missing
  const how =
    command === null ? [] : ['To get it on Debian (the README has other systems):', '', `  ${command}`, '']
  return [
    '',
    `librdkafka was built without ${words}.`,
    'All else works; a Kafka that asks for one of these cannot be used.',
    ...how,
    '',
  ].join('\n')
}
