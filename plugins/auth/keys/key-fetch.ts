// Fetches a key set over HTTP; if the URL is that of a discovery document, from the URL that it names. Promise: the
// fetch ends when `signal` aborts, reads at most KEY_SET_BYTES_MAX, and never quotes the answer.

import { errorCode } from '../../../src/errors.ts'

/** A hundred keys with certificate chains take some 500 KB. */
export const KEY_SET_BYTES_MAX = 1024 * 1024

/** What went wrong, for an operator. */
export class KeyFetchFailed extends Error {}

/** The text of the JWKS. `signal` ends every wait: for the connection, the header and the body. */
export async function fetchKeySet(url: URL, issuer: string, signal: AbortSignal): Promise<string> {
  const text = await fetchText(url, signal)
  const keysUrl = discoveredUrl(text, url, issuer)
  return keysUrl === null ? text : fetchText(keysUrl, signal)
}

/** OpenID Connect Discovery section 4.3: a document that names another issuer must not be used. */
function discoveredUrl(text: string, url: URL, issuer: string): URL | null {
  if (!url.pathname.includes('/.well-known/')) return null
  const document = parseDocument(text)
  if (document === null || !('jwks_uri' in document)) return null
  if (document.issuer !== issuer) throw new KeyFetchFailed('the discovery document is of another issuer')
  const found = String(document.jwks_uri)
  const keysUrl = URL.canParse(found) ? new URL(found) : null
  const scheme = keysUrl?.protocol
  if (keysUrl === null || (scheme !== 'https:' && scheme !== url.protocol) || keysUrl.username !== '') {
    throw new KeyFetchFailed('the discovery document names no usable jwks_uri')
  }
  return keysUrl
}

async function fetchText(url: URL, signal: AbortSignal): Promise<string> {
  try {
    const headers = { accept: 'application/jwk-set+json, application/json' }
    const response = await fetch(url, { headers, redirect: 'error', signal })
    if (response.status !== 200) {
      await response.body?.cancel()
      throw new KeyFetchFailed(`it answers ${response.status}`)
    }
    return await readBounded(response.body)
  } catch (error) {
    throw fetchFailure(error, signal)
  }
}

async function readBounded(body: ReadableStream<Uint8Array> | null): Promise<string> {
  const chunks: Uint8Array[] = []
  let byteCount = 0
  for await (const chunk of body ?? []) {
    byteCount += chunk.byteLength
    if (byteCount > KEY_SET_BYTES_MAX)
      throw new KeyFetchFailed(`its answer is larger than ${KEY_SET_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/**
 * The reason of `signal` if it was aborted. Otherwise an error with the socket's code, which fetch hides in the cause.
 */
function fetchFailure(error: unknown, signal: AbortSignal): unknown {
  if (error instanceof KeyFetchFailed) return error
  if (signal.aborted) return signal.reason
  const cause = error instanceof Error ? error.cause : undefined
  const code = errorCode(cause)
  return new KeyFetchFailed(`it cannot be reached${code === null ? '' : ` (${code})`}`)
}

function parseDocument(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const document: unknown = JSON.parse(text)
    return typeof document === 'object' && document !== null ? { ...document } : null
  } catch {
    // No JSON, so no discovery document. `readKeySet` will say what is wrong with it.
    return null
  }
}
