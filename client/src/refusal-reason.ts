// What a server says of a refusal. Promise: at most REASON_LENGTH_MAX printable characters, and never the token.

import { parseObject } from './json-object.ts'
import type { FetchResponse } from './options.ts'
import { isTemporary } from './response.ts'
import { withTimeout } from './waiting.ts'

/** A longer body is none of this protocol's errors. */
const BODY_BYTES_MAX = 4_096
const BODY_WAIT_MS = 2_000
const REASON_LENGTH_MAX = 200

/**
 * The message of an error of this protocol (docs/protocol.md, "Answers other than a stream"). Empty for any other
 * answer, and for one whose body breaks off or does not end within BODY_WAIT_MS: the refusal stands without it.
 */
export async function refusalReason(
  { status, headers, body }: FetchResponse,
  token: string,
  signal: AbortSignal,
): Promise<string> {
  if (status < 400 || isTemporary(status) || body === null) return ''
  if (!/^application\/json\b/i.test(headers.get('content-type') ?? '')) return ''
  const text = await withTimeout(() => readText(body), BODY_WAIT_MS, signal).catch(() => '')
  const { code, message } = parseObject(text) ?? {}
  if (typeof code !== 'string' || !code.startsWith('FKS_') || typeof message !== 'string') return ''
  const isFit = message.length <= REASON_LENGTH_MAX && /^\P{C}*$/u.test(message) && !message.includes(token)
  return isFit ? message : ''
}

/** Empty if the body is too long. Its end is left to the connection, which cancels it. */
async function readText(body: ReadableStream<Uint8Array>): Promise<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    bytes += part.value.length
    if (bytes > BODY_BYTES_MAX) return ''
    text += decoder.decode(part.value, { stream: true })
  }
  return text
}
