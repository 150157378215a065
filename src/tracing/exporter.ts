// Sends the spans of a thread by OTLP, if the variables of OpenTelemetry ask for it. Promise: without them nothing of
// its SDK is loaded.

import { DiagLogLevel, diag } from '@opentelemetry/api'
import { ConfigError } from '../config/config-error.ts'
import { errorCode } from '../errors.ts'
import { redactText } from '../http/redaction.ts'

export interface SpanExporter {
  /** Sends what is left. Resolves within `CLOSE_MS`. */
  close(): Promise<void>
}

type Environment = Readonly<Record<string, string | undefined>>

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
const PROTOCOL = 'http/protobuf'
const ENDPOINTS = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']
const CLOSE_MS = 2_000
/** Least time between two lines about spans that could not be sent. */
const TOLD_MS = 60_000

/** Rejects with a ConfigError if spans are asked for and cannot be sent. For the process that starts all others. */
export async function requireExporter(env: Environment): Promise<void> {
  if (!isAskedFor(env)) return
  requireProtocol(env)
  requireEndpoint(env)
  await loadSdk()
}

/** null: none is asked for. */
export async function startExporter(env: Environment, log: SpanLog): Promise<SpanExporter | null> {
  if (!isAskedFor(env)) return null
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

function isAskedFor(env: Environment): boolean {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: all, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ofTraces } = env
  const isOff = env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER === 'none'
  return !isOff && Boolean(ofTraces || all)
}

function requireProtocol(env: Environment): void {
  for (const name of ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL']) {
    if (env[name] && env[name] !== PROTOCOL)
      throw new ConfigError([`${name} must be ${PROTOCOL}: spans are sent by no other protocol`])
  }
}

/** The SDK would send spans to its default, this machine, in place of an address that is none. */
function requireEndpoint(env: Environment): void {
  const wrong = ENDPOINTS.filter((name) => env[name] && !/^https?:$/.test(protocolOf(env[name])))
  // The value may hold a password.
  if (wrong.length > 0)
    throw new ConfigError(wrong.map((name) => `${name} must be a URL, such as http://localhost:4318`))
}

function protocolOf(url: string): string {
  return URL.canParse(url) ? new URL(url).protocol : ''
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
  const nothing = (): void => {}
  diag.setLogger(
    { error, warn: nothing, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
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
