// Which values of OpenTelemetry's variables are taken; the others are named, each with what it takes.

import { expect, it } from 'vitest'
import { isTracingAskedFor, tracingFaults } from '../../../src/tracing/variables.ts'

const ASKED = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' }

it.each<[string, string, RegExp]>([
  [
    'OTEL_TRACES_SAMPLER',
    'bogus',
    /^ must be one of always_on, always_off, traceidratio, parentbased_always_on, /,
  ],
  ['OTEL_TRACES_EXPORTER', 'zipkin', /^ must be otlp or none/],
  ['OTEL_SDK_DISABLED', 'yes', /^ must be true or false$/],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', /^ must be http\/protobuf/],
  ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'http/json', /^ must be http\/protobuf/],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'collector:4318', /^ must be a URL/],
  ['OTEL_EXPORTER_OTLP_COMPRESSION', 'zstd', /^ must be none or gzip$/],
  ['OTEL_EXPORTER_OTLP_TRACES_COMPRESSION', 'br', /^ must be none or gzip$/],
  ['OTEL_EXPORTER_OTLP_TIMEOUT', '10s', /^ must be a number of milliseconds above 0$/],
  ['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', '0', /^ must be a number of milliseconds above 0$/],
  ['OTEL_BSP_MAX_QUEUE_SIZE', 'many', /^ must be a number$/],
  ['OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', '1e', /^ must be a number$/],
  ['OTEL_EXPORTER_OTLP_CERTIFICATE', '/nowhere/ca.pem', /^ must be a file that can be read$/],
])('%s=%s is named', (name, value, words) => {
  const faults = tracingFaults({ ...ASKED, [name]: value })
  expect(faults).toEqual([expect.stringMatching(new RegExp(`^${name}${words.source.slice(1)}`))])
})

it.each(['', '2', '-1', 'half'])('a sampler with a ratio needs one from 0 to 1, not %j', (ratio) => {
  const env = { ...ASKED, OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: ratio }
  expect(tracingFaults(env)).toEqual([
    'OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1: OTEL_TRACES_SAMPLER is parentbased_traceidratio',
  ])
})

it('takes what the SDK takes', () => {
  const env = {
    ...ASKED,
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
    OTEL_TRACES_EXPORTER: 'otlp, console',
    OTEL_SDK_DISABLED: 'FALSE',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_COMPRESSION: ' gzip',
    OTEL_EXPORTER_OTLP_TIMEOUT: '5000',
    OTEL_BSP_SCHEDULE_DELAY: '0',
    OTEL_EXPORTER_OTLP_CERTIFICATE: import.meta.filename,
    OTEL_EXPORTER_OTLP_CLIENT_KEY: '',
  }
  expect([tracingFaults(env), isTracingAskedFor(env)]).toEqual([[], true])
})
