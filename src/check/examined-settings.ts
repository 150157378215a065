// The settings of a server as far as they can be told, for a check that goes on although a part of them is wrong.
// Promise: what is wrong is listed as `kafka-sse serve` would list it; a group that has a fault is null.

import { lacksSecretKey } from '../app/sealing.ts'
import { authFaults } from '../config/auth/issuer-faults.ts'
import { ConfigError } from '../config/config-error.ts'
import { resolveOptions } from '../config/cross-field-rules.ts'
import { mergeSettings, nameOf } from '../config/merged-settings.ts'
import { parseEnvironment } from '../config/parse.ts'
import { serverFaults } from '../config/validation.ts'
import type { KafkaOptions, ResolvedAuth, ResolvedStream, TlsOptions } from '../options.ts'
import { requireExporter } from '../tracing/exporter.ts'

export interface ExaminedSettings {
  /** A line for each. */
  readonly problems: readonly string[]
  readonly kafka: KafkaOptions | null
  readonly streams: readonly ResolvedStream[] | null
  readonly auth: ResolvedAuth | null
  /** Whether some stream needs a SECRET_KEY that is not set. */
  readonly lacksKey: boolean
  /** The files as far as they are named; null with TLS=off. */
  readonly tls: Partial<TlsOptions> | null
}

/** Rejects only with what is no problem of the settings. */
export async function examineSettings(
  env: NodeJS.ProcessEnv,
  folder: string = process.cwd(),
): Promise<ExaminedSettings> {
  const ofTracing = await requireExporter(env).then(() => [], problemsOf)
  try {
    const options = await parseEnvironment(env, folder)
    const { kafka, streams, auth, tls } = options
    return { problems: ofTracing, kafka, streams, auth, tls, lacksKey: lacksSecretKey(options) }
  } catch (error) {
    return { problems: [...problemsOf(error), ...ofTracing], ...(await soundSettings(env)) }
  }
}

/** Throws what is no problem of the settings. */
function problemsOf(error: unknown): readonly string[] {
  if (error instanceof ConfigError) return error.problems
  throw error
}

/** Of settings that have a problem somewhere. */
async function soundSettings(env: NodeJS.ProcessEnv): Promise<Omit<ExaminedSettings, 'problems'>> {
  const settings = await mergeSettings(env)
  const { document } = settings
  // Fills in the defaults, too.
  const faulty = new Set(serverFaults(document).map(({ place: [group = ''] }) => group))
  if (authFaults(document).length > 0) faulty.add('auth')
  const isSound = (...groups: readonly string[]) => groups.every((group) => !faulty.has(group))
  const sound = isSound('kafka', 'auth', 'streams', 'sse')
    ? resolveOptions(document, (place) => nameOf(place, settings))
    : null
  const { tls, tlsCertFile, tlsKeyFile } = document
  const files = {
    ...(typeof tlsCertFile === 'string' && { certFile: tlsCertFile }),
    ...(typeof tlsKeyFile === 'string' && { keyFile: tlsKeyFile }),
  }
  return {
    // The schema has checked these two, and other groups say nothing of them.
    kafka: isSound('kafka') ? (document.kafka as unknown as KafkaOptions) : null,
    streams: sound?.streams ?? null,
    auth: sound?.auth ?? null,
    lacksKey: false,
    tls: tls === 'off' ? null : files,
  }
}
