// Fetches a key set over HTTP; if the URL is that of a discovery document, from the URL that it names. Promise: a fetch
// ends when `signal` aborts, reads at most KEY_SET_BYTES_MAX, follows no redirect, and never quotes the answer.

import type { Dispatcher, fetch as Fetch, Response } from 'undici'
import { errorCode, errorWords } from '../../../src/errors.ts'
import { quoted } from '../../../src/text/quoted.ts'

/** A hundred keys with certificate chains take some 500 KB. */
export const KEY_SET_BYTES_MAX = 1024 * 1024

/** What went wrong, for an operator. */
export class KeyFetchFailed extends Error {}

/** The discovery document is of another issuer than the settings name: no fetch can bring keys, until one changes. */
export class IssuerMismatch extends KeyFetchFailed {}

export interface FetchedKeys {
  readonly text: string
  /** For how long the answer says that it is good (RFC 9111 section 4.2); null if it does not say. */
  readonly maxAgeMs: number | null
}

interface Client {
  readonly fetch: typeof Fetch
  readonly dispatcher: Dispatcher
}

/** The issuer that a discovery document must be of, and what it is called where it was set. */
export interface NamedIssuer {
  readonly issuer: string
  readonly issuerSetting: string
}

export class KeyEndpoint {
  /** For messages: without the query, which may hold a credential. */
  readonly name: string
  private readonly url: URL
  private readonly issuer: NamedIssuer
  private client: Promise<Client> | null = null

  constructor(url: URL, issuer: NamedIssuer) {
    this.url = url
    this.issuer = issuer
    this.name = nameOf(url)
  }

  /** Rejects with KeyFetchFailed, or with the reason of `signal`, which ends every wait. */
  async fetch(signal: AbortSignal): Promise<FetchedKeys> {
    const answer = await this.get(this.url, signal)
    const keysUrl = discoveredUrl(answer.text, this.url, this.issuer)
    return keysUrl === null ? answer : this.get(keysUrl, signal)
  }

  close(): void {
    // A client that could not be opened needs no end.
    void this.client?.then(
      ({ dispatcher }) => dispatcher.destroy(),
      () => {},
    )
  }

  private async get(url: URL, signal: AbortSignal): Promise<FetchedKeys> {
    this.client ??= openClient()
    const { fetch, dispatcher } = await this.client
    try {
      const headers = { accept: 'application/jwk-set+json, application/json' }
      const response = await fetch(url, { headers, redirect: 'manual', signal, dispatcher })
      if (response.status !== 200) {
        await response.body?.cancel()
        throw new KeyFetchFailed(refusalOf(response, url))
      }
      return { text: await readBounded(response), maxAgeMs: maxAgeOf(response) }
    } catch (error) {
      if (error instanceof KeyFetchFailed) throw error
      throw signal.aborted ? signal.reason : new KeyFetchFailed(failureOf(error, url))
    }
  }
}

/**
 * Node's own `fetch` knows no proxy before Node 24. Loaded when it is needed, because workers fetch nothing. The agent
 * that reads HTTPS_PROXY makes Node print a warning, so it is taken only where there is a proxy.
 */
async function openClient(): Promise<Client> {
  const { Agent, EnvHttpProxyAgent, fetch } = await import('undici')
  const proxies = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'].map((name) => process.env[name])
  // Without pipelining no connection is kept. Minutes lie between two fetches, and a kept one may be closed as it is
  // used, which would be a failed fetch.
  const options = { pipelining: 0 }
  try {
    return { fetch, dispatcher: proxies.some(Boolean) ? new EnvHttpProxyAgent(options) : new Agent(options) }
  } catch {
    // The library's message quotes the value, which may hold a password.
    throw new KeyFetchFailed('HTTPS_PROXY or HTTP_PROXY is not the URL of a proxy')
  }
}

/** OpenID Connect Discovery section 4.3: a document that names another issuer must not be used. */
function discoveredUrl(text: string, url: URL, named: NamedIssuer): URL | null {
  if (!url.pathname.includes('/.well-known/')) return null
  const document = parseDocument(text)
  if (document === null || !('jwks_uri' in document)) return null
  if (document.issuer !== named.issuer) throw new IssuerMismatch(otherIssuer(document.issuer, named))
  const found = String(document.jwks_uri)
  const keysUrl = URL.canParse(found) ? new URL(found) : null
  if (keysUrl === null || !/^https?:$/.test(keysUrl.protocol) || keysUrl.username !== '') {
    throw new KeyFetchFailed('the discovery document names no usable jwks_uri')
  }
  if (keysUrl.protocol === 'http:' && url.protocol === 'https:') {
    throw new KeyFetchFailed('the discovery document names a jwks_uri without TLS')
  }
  return keysUrl
}

/** Names both, because they often differ by a slash alone. */
function otherIssuer(found: unknown, { issuer, issuerSetting }: NamedIssuer): string {
  return `${issuerSetting} is ${quoted(issuer)}, but the discovery document is of the issuer ${quoted(found)}`
}

async function readBounded({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let byteCount = 0
  for await (const chunk of body ?? []) {
    byteCount += chunk.byteLength
    if (byteCount > KEY_SET_BYTES_MAX)
      throw new KeyFetchFailed(`its answer is larger than ${KEY_SET_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return new TextDecoder().decode(Buffer.concat(chunks)) // without a byte order mark
}

/** `max-age` less the time that the answer has spent in caches on the way. */
function maxAgeOf({ headers }: Response): number | null {
  const found = /(?:^|,)\s*max-age\s*=\s*"?(\d+)/i.exec(headers.get('cache-control') ?? '')
  if (found === null) return null
  const age = Number(/^\d+$/.exec(headers.get('age') ?? '')?.[0] ?? 0)
  return Math.max(0, Number(found[1]) - age) * 1000
}

/** A redirect is not followed: the setting says where keys come from, and an open redirect there could name others. */
function refusalOf({ status, headers }: Response, url: URL): string {
  if (![301, 302, 303, 307, 308].includes(status)) return `it answers ${status}`
  const location = headers.get('location') ?? ''
  const target = URL.canParse(location, url) ? new URL(location, url) : null
  const where = target === null ? '' : `, ${nameOf(target)}`
  return `it redirects to another address${where}, and no redirect is followed: set the address itself`
}

const CERTIFICATE_CODES = /CERT|SELF_SIGNED|UNABLE_TO_/
/** Those of a certificate whose authority Node does not know. */
const AUTHORITY_CODES = /SELF_SIGNED|UNABLE_TO_/
const PRIVATE_AUTHORITY = 'start with NODE_EXTRA_CA_CERTS=FILE to trust a private authority'

/** Names the code, which can be looked up. `fetch` hides it in the cause, or in the cause of that. */
function failureOf(error: unknown, { hostname }: URL): string {
  const cause = firstCause(error)
  const code = errorCode(cause)
  const proxy = /^Proxy response \((\d+)\)/.exec(errorWords(cause))
  if (proxy !== null) return `the proxy of HTTPS_PROXY or HTTP_PROXY answers ${proxy[1]}`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `its name is not found: ${code} ${hostname}`
  if (code === null) return 'it cannot be reached'
  if (AUTHORITY_CODES.test(code)) return `its certificate is not trusted (${code}): ${PRIVATE_AUTHORITY}`
  if (CERTIFICATE_CODES.test(code)) return `its certificate is not trusted (${code})`
  return `it cannot be reached (${code})`
}

function firstCause(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? firstCause(error.cause) : error
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

function nameOf({ origin, pathname }: URL): string {
  return origin + pathname
}
