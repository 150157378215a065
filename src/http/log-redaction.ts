// What a Fastify logger needs so that no token reaches a line: spread `logRedaction` into the logger's options.
// Serializers alone are not enough: Fastify's own 404 line carries the URL in its message.

import { redactStack, redactText, redactTokens, redactUrl } from './redaction.ts'

/** What a request's line holds: Fastify's own shape, the URL redacted. */
export type RequestLine = {
  method: string
  url: string
  host: string
  remoteAddress?: string
  remotePort?: number
}

/** What a Fastify request tells about itself. */
interface LoggedRequest {
  readonly method: string
  readonly url: string
  readonly host: string
  /** undefined where the client has left, whatever Fastify's types say. */
  readonly ip: string | undefined
  readonly socket: { readonly remotePort?: number | undefined } | null
}

/** Fastify's `req` serializer with the URL redacted. Also for a route's or a plugin's `logSerializers`. */
export function requestSerializer(request: LoggedRequest): RequestLine {
  const remotePort = request.socket?.remotePort
  return {
    method: redactText(request.method), // on HTTP/2 any text, as is the host, and the address behind a trusted proxy
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
 * `err`: the parts that are known to be words. Other properties are left out, since Node hangs the raw bytes of a
 * bad request on its parse error (`rawPacket`), and JWT libraries the payload that they could not read.
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

/** A method of the logger, as its hook is handed it. */
type LogMethod = (this: unknown, ...parts: never[]) => void

export const logRedaction = {
  serializers: { req: requestSerializer, err: errorSerializer },
  hooks: {
    logMethod(this: unknown, parts: unknown[], method: LogMethod): void {
      const redacted = withMessage(parts).map((part) => (typeof part === 'string' ? redactText(part) : part))
      Reflect.apply(method, this, redacted)
    },
    /** The last look at a finished line: whatever has the shape of a token goes, in whichever property it stands. */
    streamWrite: (line: string): string => redactTokens(line),
  },
}

/** An error that is logged alone lends the line its message, past this hook: so the message is named here. */
function withMessage(parts: unknown[]): unknown[] {
  const [first] = parts
  if (parts.length !== 1 || typeof first !== 'object' || first === null) return parts
  const error = first instanceof Error ? first : 'err' in first ? first.err : null
  return error instanceof Error ? [first, error.message] : parts
}
