// `kafka-sse features`: prints which features the installed librdkafka was built without, and how to add them. The
// installation runs it last, because the compiler does not report what it left out.

import { BUILT_FEATURES, missingParts } from '../../plugins/kafka/client/librdkafka-build.ts'
import { EXIT_DONE } from '../app/exit.ts'
import { isHelp, runCommand } from './command-line.ts'

const HELP = `kafka-sse features

Prints which features librdkafka, the Kafka client library, was built without (TLS, SASL, compression, OIDC), and how
to add them.
`

/** Ignores all arguments but --help: it must not fail an installation, and npm may append some to the script. */
export async function features(args: string[]): Promise<number> {
  return runCommand({ help: HELP, options: {} }, args.filter(isHelp), async () => {
    process.stdout.write(report(BUILT_FEATURES))
    return EXIT_DONE
  })
}

export function report(built: readonly string[]): string {
  const missing = missingParts(built)
  if (missing === null) return 'librdkafka was built with TLS, SASL, OIDC and every compression.\n'
  const { words, command } = missing
  const how =
    command === null ? [] : ['To add it on Debian (the README has other systems):', '', `  ${command}`, '']
  return [
    '',
    `librdkafka was built without ${words}.`,
    'A Kafka that requires one of these cannot be used. Everything else works.',
    ...how,
    '',
  ].join('\n')
}
