// `kafka-sse features`: what the installed librdkafka was built without, and the line that brings it. The installation ends
// with it, since the compiler says nothing of what it left out.

import { BUILT_FEATURES, missingParts } from '../../plugins/kafka/client/librdkafka-build.ts'

const HELP = `kafka-sse features

Says what librdkafka, with which Kafka is read, was built without (TLS, SASL, compression, OIDC), and how to get it.
`

export async function features(args: string[]): Promise<number> {
  const isHelp = args.includes('--help') || args.includes('-h')
  process.stdout.write(isHelp ? HELP : report(BUILT_FEATURES))
  return 0
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
