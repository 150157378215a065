// Checks which compressions this build of librdkafka can read. Kafka does not say which a topic has: a producer chooses
// it for each batch.

import { BUILT_FEATURES, CODECS, missingParts, PARTS } from '../../plugins/kafka/client/librdkafka-build.ts'
import type { CheckReport } from './check-report.ts'

const CHECK = 'codecs'

export function checkCodecs(report: CheckReport, features: readonly string[] = BUILT_FEATURES): void {
  const built = CODECS.filter((codec) => features.includes(codec))
  const missing = CODECS.filter((codec) => !features.includes(codec))
  report.ok(CHECK, `librdkafka reads ${['no compression', ...built].join(', ')}`)
  if (missing.length === 0) return
  // All other features count as built.
  const command = missingParts([...PARTS.keys()].filter((name) => !missing.includes(name)))?.command ?? null
  const words = `librdkafka was built without ${missing.join(', ')}, so a topic with it cannot be read`
  report.warn(CHECK, words, command)
}
