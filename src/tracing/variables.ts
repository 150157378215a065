// The variables of OpenTelemetry that say how spans are sent. Promise: what its SDK would pass over, and go on with a
// default, is named before anything starts, with the values that are taken. No value is quoted: it may be a password.

import { accessSync, constants } from 'node:fs'

export type TracingVariables = Readonly<Record<string, string | undefined>>

const PROTOCOL = 'http/protobuf'
const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
]
const WITH_RATIO = /traceidratio$/
/** Each has a twin for traces alone, which comes first. */
const ofExporter = (what: string) => [`OTEL_EXPORTER_OTLP_TRACES_${what}`, `OTEL_EXPORTER_OTLP_${what}`]
const FILES = ['CERTIFICATE', 'CLIENT_KEY', 'CLIENT_CERTIFICATE'].flatMap(ofExporter)
const NUMBERS = [
  'OTEL_BSP_SCHEDULE_DELAY',
  'OTEL_BSP_EXPORT_TIMEOUT',
  'OTEL_BSP_MAX_QUEUE_SIZE',
  'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
  'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT',
  'OTEL_ATTRIBUTE_COUNT_LIMIT',
  'OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT',
  'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT',
  'OTEL_SPAN_EVENT_COUNT_LIMIT',
  'OTEL_SPAN_LINK_COUNT_LIMIT',
  'OTEL_SPAN_ATTRIBUTE_PER_EVENT_COUNT_LIMIT',
  'OTEL_SPAN_ATTRIBUTE_PER_LINK_COUNT_LIMIT',
]

/** Whether spans are to be sent. */
export function isTracingAskedFor(env: TracingVariables): boolean {
  const isOff = env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER === 'none'
  return !isOff && ofExporter('ENDPOINT').some((name) => Boolean(env[name]))
}

/** A sentence for each variable with a value that is not taken. An empty one counts as unset, as everywhere. */
export function tracingFaults(env: TracingVariables): string[] {
  const faults: string[] = []
  const check = (names: readonly string[], isTaken: (value: string) => boolean, words: string) => {
    for (const name of names)
      if (env[name]?.trim() && !isTaken(env[name])) faults.push(`${name} must be ${words}`)
  }
  // Blanks are no address either, and would be one of the SDK's.
  for (const name of ofExporter('ENDPOINT'))
    if (env[name] && !isHttpUrl(env[name]))
      faults.push(`${name} must be a URL, such as http://localhost:4318`)
  check(
    ofExporter('PROTOCOL'),
    (value) => value === PROTOCOL,
    `${PROTOCOL}: spans are sent by no other protocol`,
  )
  check(
    ['OTEL_TRACES_EXPORTER'],
    (value) => value.split(',').some((each) => each.trim() === 'otlp'),
    'otlp or none: spans are sent by no other exporter',
  )
  check(['OTEL_SDK_DISABLED'], (value) => /^(true|false)$/i.test(value), 'true or false')
  check(['OTEL_TRACES_SAMPLER'], (value) => SAMPLERS.includes(value), `one of ${SAMPLERS.join(', ')}`)
  faults.push(...ratioFaults(env))
  check(ofExporter('COMPRESSION'), (value) => /^(none|gzip)$/.test(value.trim()), 'none or gzip')
  check(ofExporter('TIMEOUT'), (value) => Number(value) > 0, 'a number of milliseconds above 0')
  check(NUMBERS, (value) => !Number.isNaN(Number(value)), 'a number')
  check(FILES, isReadable, 'a file that can be read')
  return faults
}

/** The SDK looks at it, and wants it, with these samplers alone. */
function ratioFaults({
  OTEL_TRACES_SAMPLER: sampler = '',
  OTEL_TRACES_SAMPLER_ARG: ratio = '',
}: TracingVariables): string[] {
  if (!SAMPLERS.includes(sampler) || !WITH_RATIO.test(sampler)) return []
  const isRatio = ratio.trim() !== '' && Number(ratio) >= 0 && Number(ratio) <= 1
  return isRatio
    ? []
    : [`OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1: OTEL_TRACES_SAMPLER is ${sampler}`]
}

function isHttpUrl(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}
