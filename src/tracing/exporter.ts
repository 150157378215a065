// Sends the spans of a thread by OTLP, if the variables of OpenTelemetry ask for it. Promise: without them nothing of
// its SDK is loaded.

import { DiagLogLevel, diag } from '@opentelemetry/api'
import { ConfigError } from '../config/config-error.ts'
import { errorCode } from '../errors.ts'
import { redactText } from '../http/redaction.ts'
import { isTracingAskedFor, type TracingVariables, tracingFaults } from './variables.ts'

export interface SpanExporter {
  /** Sends what is left. Resolves within `CLOSE_MS`. */
  close(): Promise<void>
}

interface SpanLog {
  warn(about: { readonly reason: string }, words: string): void
}

/** Of a server, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES name it. */
const SERVICE_NAME = 'kafka-sse'
const PACKAGES = [
  '@opentelemetry/sdk-trace-node',
  '@opentelemetry/exporter-trace-otlp-proto',
  '@opentelemetry/resources',
]
const CLOSE_MS = 2_000
/** Warnings of the SDK that spans are lost: there were too many at once, or the collector took a part of them. */
const LOST = /^(Dropped \d+ spans|Received Partial Success)/
/** Least time between two lines about spans that could not be sent. */
const TOLD_MS = 60_000

/** Rejects with a ConfigError if spans are asked for and cannot be sent. For the process that starts all others. */
export async function requireExporter(env: TracingVariables): Promise<void> {
  if (!isTracingAskedFor(env)) return
  const faults = tracingFaults(env)
  if (faults.length > 0) throw new ConfigError(faults)
  await loadSdk()
}

/** null: none is asked for. */
export async function startExporter(env: TracingVariables, log: SpanLog): Promise<SpanExporter | null> {
  if (!isTracingAskedFor(env)) return null
  const { node, otlp, resources } = await loadSdk()
  tellFailures(log)
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } = resources
  const provider = new node.NodeTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': SERVICE_NAME }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new node.BatchSpanProcessor(new otlp.OTLPTraceExporter())],
  })
  // No span is ever made active, so nothing has to be carried through asynchronous calls.
  provider.register({ contextManager: null })
  return {
    close: async () => {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise((resolve) => {
        timer = setTimeout(resolve, CLOSE_MS)
      })
      // A failure was told by then.
      await Promise.race([provider.shutdown().catch(() => {}), late])
      clearTimeout(timer)
    },
  }
}

async function loadSdk() {
  try {
    const [node, otlp, resources] = await Promise.all([
      import('@opentelemetry/sdk-trace-node'),
      import('@opentelemetry/exporter-trace-otlp-proto'),
      import('@opentelemetry/resources'),
    ])
    return { node, otlp, resources }
  } catch (error) {
    if (errorCode(error) !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new ConfigError([
      `OTEL_EXPORTER_OTLP_ENDPOINT needs packages that are not installed: npm install ${PACKAGES.join(' ')}`,
    ])
  }
}

function tellFailures(log: SpanLog): void {
  let toldMs = Number.NEGATIVE_INFINITY
  const error = (failure: string): void => {
    if (performance.now() - toldMs < TOLD_MS) return
    toldMs = performance.now()
    log.warn({ reason: redactText(reasonOf(failure)) }, 'spans cannot be sent')
  }
  const warn = (words: string, ...details: readonly unknown[]): void => {
    if (LOST.test(words)) error([words, ...details].join(' '))
  }
  const nothing = (): void => {}
  diag.setLogger(
    { error, warn, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
}

/** The SDK tells of an error as JSON, with its stack. */
function reasonOf(failure: string): string {
  try {
    const { message, code } = JSON.parse(failure)
    return String(message || code)
  } catch {
    return failure
  }
}
