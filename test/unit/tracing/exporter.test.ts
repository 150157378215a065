// What the SDK says of spans that are lost, and what of that is told.

import { diag, propagation, trace } from '@opentelemetry/api'
import { afterEach, expect, it, vi } from 'vitest'
import { startExporter } from '../../../src/tracing/exporter.ts'
import { forThisTest } from '../../support/scene.ts'

// The server starts it once in a process.
afterEach(() => {
  for (const api of [trace, propagation, diag]) api.disable()
})

it.each([
  [['Dropped 12 spans because maxQueueSize reached'], 'Dropped 12 spans because maxQueueSize reached'],
  [
    ['Received Partial Success response:', '{"rejectedSpans":3,"errorMessage":"quota"}'],
    'Received Partial Success response: {"rejectedSpans":3,"errorMessage":"quota"}',
  ],
] as const)('%j is told, once in a minute', async ([words, ...details], reason) => {
  const log = { warn: vi.fn() }
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' }
  const exporter = await startExporter(env, log)
  if (exporter === null) throw new Error('spans are asked for')
  await forThisTest(Promise.resolve(exporter))
  diag.warn('Invalid attribute key: x')
  diag.info(words)
  expect(log.warn).not.toHaveBeenCalled()
  for (let time = 0; time < 3; time++) diag.warn(words, ...details)
  expect(log.warn.mock.calls).toEqual([[{ reason }, 'spans cannot be sent']])
})
