// Options that keep tokens out of a Fastify log: spread `logRedaction` into the logger's options. Serializers alone are
// not enough, because Fastify's own 404 line has the URL in its message.

import { printable } from '../text/printable.ts'
import { redactStack, redactText, redactTokens, redactUrl } from './redaction.ts'

/** A request in the log: Fastify's own shape, the URL redacted. */
export type RequestLine = {
  method: string
  url: string
  host: string
  remoteAddress?: string
  remotePort?: number
}

/** The parts of a Fastify request that are logged. */
interface LoggedRequest {
  readonly method: string
  readonly url: string
  readonly host: string
  /** undefined if the client has left, though Fastify's types say otherwise. */
  readonly ip: string | undefined
  readonly socket: { readonly remotePort?: number | undefined } | null
}

/** Fastify's `req` serializer with the URL redacted. Also for a route's or a plugin's `logSerializers`. */
export function requestSerializer(request: LoggedRequest): RequestLine {
  const remotePort = request.socket?.remotePort
  return {
    method: redactText(request.method), // any text on HTTP/2, as is the host, and the address behind a trusted proxy
    url: redactUrl(request.url),
    host: redactText(request.host),
    ...(request.ip === undefined ? {} : { remoteAddress: redactText(request.ip) }),
    ...(remotePort === undefined ? {} : { remotePort }),
  }
}

export type ErrorLine = {
  type: string
  code?: string
  message: string
  stack: string
}

/**
 * `err`: only the parts that are known to be messages. Node's parse errors have the raw bytes of the request
 * (`rawPacket`). Errors of JWT libraries have the payload that could not be read.
 */
export function errorSerializer(error: unknown): ErrorLine {
  if (!(error instanceof Error)) return { type: typeof error, message: redactText(String(error)), stack: '' }
  return {
    type: error.constructor.name,
    ...('code' in error ? { code: redactText(String(error.code)) } : {}),
    message: redactText(error.message),
    stack: redactStack(error.stack ?? ''),
  }
}

/** A method of the logger, as pino passes it to the hook. */
type LogMethod = (this: unknown, ...parts: never[]) => void

export const logRedaction = {
  serializers: { req: requestSerializer, err: errorSerializer },
  hooks: {
    logMethod(this: unknown, parts: unknown[], method: LogMethod): void {
      const redacted = withMessage(parts).map((part) => (typeof part === 'string' ? redactText(part) : part))
      Reflect.apply(method, this, redacted)
    },
    /**
     * Redacts the finished line: removes all text with the shape of a token, in any property. Then escapes what a
     * terminal obeys, which any client may have in a host's name or, over HTTP/2, in a path.
     */
    streamWrite: (line: string): string => printable(redactTokens(line)),
  },
}

/** pino takes the message of an error that is logged alone, after this hook. So the message is passed explicitly. */
function withMessage(parts: unknown[]): unknown[] {
  const [first] = parts
  if (parts.length !== 1 || typeof first !== 'object' || first === null) return parts
  const error = first instanceof Error ? first : 'err' in first ? first.err : null
  return error instanceof Error ? [first, error.message] : parts
}
