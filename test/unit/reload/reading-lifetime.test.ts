// From when to when a server reads its settings again.

import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { SignalQueue } from '../../../src/app/stop-signals.ts'
import type { ServerOptions } from '../../../src/options.ts'
import { runServer } from '../../../src/server.ts'
import { eventually } from '../../support/time.ts'

const OPTIONS = { workers: 1, reloadSeconds: 10 } as ServerOptions // it ends before it uses more of them

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://127.0.0.1:1')
  vi.stubEnv('OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc')
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.useRealTimers()
})

it('a signal counts from the first moment, and no timer outlives the server', async () => {
  const signals = new SignalQueue()
  const read = vi.fn(async () => OPTIONS)
  const running = runServer(OPTIONS, signals, { read, files: ['/no/such/file'] }, () => {})
  expect(vi.getTimerCount()).toBe(1)
  signals.push('SIGHUP')
  await expect(running).rejects.toThrow('OTEL_EXPORTER_OTLP_PROTOCOL')
  await eventually(() => expect(read).toHaveBeenCalledTimes(1))
  expect(vi.getTimerCount()).toBe(0)
})
