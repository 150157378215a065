// Fetching a key set: over real sockets, with answers of every bad kind.

import dns from 'node:dns'
import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { KEY_SET_BYTES_MAX, KeyEndpoint } from '../../../plugins/auth/keys/key-fetch.ts'
import { localCertificates } from '../../support/certificates.ts'
import { ConnectProxy } from '../../support/connect-proxy.ts'
import { ISSUER, jwksOf, type KeyServer, makeKey, startKeyServer } from '../../support/keys-and-tokens.ts'

const KEYS = jwksOf(makeKey('ES256'))

let server: KeyServer
let endpoint: KeyEndpoint

type Done = (error: Error | null, address?: string) => void

beforeEach(async () => {
  server = await startKeyServer(KEYS)
  // In place of a name server, which no test may ask.
  const lookup = (_name: string, _options: object, done: Done) =>
    done(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }))
  vi.spyOn(dns, 'lookup').mockImplementation(lookup as typeof dns.lookup)
})

afterEach(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  endpoint.close()
  await server.close()
})

function open(url = server.url, issuer = ISSUER): KeyEndpoint {
  endpoint = new KeyEndpoint(new URL(url), { issuer, issuerSetting: 'JWT_ISSUER' })
  return endpoint
}

const never = () => new AbortController().signal

/** Why the fetch failed. */
async function reasonOf(answer: string | RequestListener, url = server.url): Promise<string> {
  server.answer(answer)
  const failed = await open(url)
    .fetch(never())
    .then(
      () => '',
      (error: Error) => error.message,
    )
  endpoint.close()
  return failed
}

const answerOf =
  (headers: Record<string, string>): RequestListener =>
  (_request, response) =>
    void response.writeHead(200, headers).end(KEYS)

describe('an answer', () => {
  it('is the text, and for how long it is good', async () => {
    for (const [headers, maxAgeMs] of [
      [{}, null],
      [{ 'cache-control': 'public, max-age=300, must-revalidate' }, 300_000],
      [{ 'cache-control': 'Max-Age = "20"' }, 20_000],
      [{ 'cache-control': 'max-age=300', age: '100' }, 200_000],
      [{ 'cache-control': 'max-age=300', age: '400' }, 0],
      [{ 'cache-control': 's-maxage=7' }, null],
      [{ 'cache-control': 'no-store' }, null],
    ] as const) {
      server.answer(answerOf(headers))
      expect(await open().fetch(never())).toEqual({ text: KEYS, maxAgeMs })
      endpoint.close()
    }
  })

  it('has its byte order mark removed', async () => {
    server.answer(`\uFEFF${KEYS}`)
    expect((await open().fetch(never())).text).toBe(KEYS)
  })

  it('of one byte too many is refused', async () => {
    const [fitting, large] = [KEYS.padEnd(KEY_SET_BYTES_MAX), KEYS.padEnd(KEY_SET_BYTES_MAX + 1)]
    expect(await reasonOf(large)).toBe('its answer is larger than 1048576 bytes')
    expect(await reasonOf(fitting)).toBe('')
  })

  it('of another status is told by its status', async () => {
    const answers = (status: number) => (_request: unknown, response: ServerResponse) =>
      void response.writeHead(status).end('secret-words')
    expect(await reasonOf(answers(404))).toBe('it answers 404')
    expect(await reasonOf(answers(503))).toBe('it answers 503')
  })

  it('that redirects is not followed, and says where it leads, without credentials', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const location = 'https://user:secret-words@id.example.com/keys?secret-words#secret-words'
      const redirects: RequestListener = (_request, response) =>
        void response.writeHead(status, { location }).end()
      expect(await reasonOf(redirects)).toBe(
        'it redirects to another address, https://id.example.com/keys, and no redirect is followed: ' +
          'set the address itself',
      )
    }
    expect(server.hits()).toBe(5)
    expect(await reasonOf((_request, response) => void response.writeHead(302).end())).toContain('redirects')
  })
})

describe('a fetch', () => {
  it('ends with its signal: before the header, in the body, and while the body drips', async () => {
    for (const answer of [() => {}, stops, drips] as RequestListener[]) {
      const aborting = new AbortController()
      const came = new Promise<ServerResponse>((resolve) =>
        server.answer((request, response) => {
          answer(request, response)
          resolve(response)
        }),
      )
      const failed = expect(open().fetch(aborting.signal)).rejects.toThrow('too late')
      const response = await came
      aborting.abort(new Error('too late'))
      await failed
      if (!response.closed) await once(response, 'close')
      endpoint.close()
    }
  })

  it('has a connection of its own: a kept one may be closed as it is used', async () => {
    const ports = new Set<unknown>()
    server.answer((request, response) => {
      ports.add(request.socket.remotePort)
      response.end(KEYS)
    })
    open()
    for (let n = 0; n < 3; n++) await endpoint.fetch(never())
    expect(ports.size).toBe(3)
  })

  it('tells what is wrong with the address, without its query', async () => {
    const { port } = new URL(server.url)
    await server.close()
    expect(await reasonOf('', `http://127.0.0.1:${port}/?secret-words`)).toBe(
      'it cannot be reached (ECONNREFUSED)',
    )
    const unknown = await reasonOf('', 'http://keys.invalid/jwks.json?secret-words')
    expect(unknown).toBe('its name is not found: ENOTFOUND keys.invalid')
    expect(open('http://keys.invalid/jwks.json?secret-words#x').name).toBe('http://keys.invalid/jwks.json')
  })

  it('says how to trust a server whose authority is a private one', async () => {
    const { certificatePem: cert, keyPem: key } = await localCertificates()
    const secure = createServer({ cert, key }, (_request, response) => response.end(KEYS))
    vi.restoreAllMocks() // to listen looks its address up
    secure.listen(0, '127.0.0.1')
    await once(secure, 'listening')
    const { port } = secure.address() as AddressInfo // it listens at a port
    expect(await reasonOf('', `https://127.0.0.1:${port}`)).toMatch(
      /^its certificate is not trusted \(.+\): start with NODE_EXTRA_CA_CERTS=FILE to trust a private authority$/,
    )
    secure.closeAllConnections()
    secure.close()
  })

  it('says that a server speaks no TLS', async () => {
    expect(await reasonOf('', server.url.replace('http:', 'https:'))).toMatch(/^it cannot be reached \(.+\)$/)
  })
})

describe("an issuer's discovery document", () => {
  const discovery = (issuer: unknown, jwksUri: unknown): RequestListener => {
    return (request, response) => {
      const isDocument = request.url?.startsWith('/.well-known/') === true
      response.end(isDocument ? JSON.stringify({ issuer, jwks_uri: jwksUri }) : KEYS)
    }
  }
  const documentUrl = (): string => server.url.replace('/jwks.json', '/.well-known/openid-configuration')

  it('leads to the keys', async () => {
    server.answer(discovery(ISSUER, server.url))
    expect((await open(documentUrl()).fetch(never())).text).toBe(KEYS)
  })

  it('of another issuer, or with an address of another kind, leads nowhere', async () => {
    const mine = `JWT_ISSUER is "${ISSUER}"`
    for (const [issuer, uri, words] of [
      [`${ISSUER}/`, server.url, `${mine}, but the discovery document is of the issuer "${ISSUER}/"`],
      [undefined, server.url, `${mine}, but the discovery document is of the issuer undefined`],
      [ISSUER, 'file:///etc/passwd', 'the discovery document names no usable jwks_uri'],
      [ISSUER, 'nonsense', 'the discovery document names no usable jwks_uri'],
      [ISSUER, 'https://user:password@id.example.com/', 'the discovery document names no usable jwks_uri'],
    ] as const) {
      expect(await reasonOf(discovery(issuer, uri), documentUrl())).toBe(words)
    }
  })
})

describe('a proxy', () => {
  it('is asked for the connection, but not for what NO_PROXY names', async () => {
    const proxy = await ConnectProxy.open(Number(new URL(server.url).port))
    vi.stubEnv('HTTP_PROXY', `http://user:secret-words@127.0.0.1:${proxy.port}`)
    server.answer(KEYS)
    // No such name can be looked up: only the proxy knows where it is.
    expect((await open('http://keys.invalid/jwks.json').fetch(never())).text).toBe(KEYS)
    endpoint.close()
    expect(proxy.asked).toEqual(['keys.invalid:80'])
    vi.stubEnv('NO_PROXY', '.invalid')
    expect(await reasonOf(KEYS, 'http://keys.invalid/jwks.json')).toContain('its name is not found')
    expect(proxy.asked).toHaveLength(1)
    await proxy.close()
  })

  it('that refuses, or that cannot be one, is told without its password', async () => {
    const proxy = await ConnectProxy.open(null)
    vi.stubEnv('https_proxy', `http://user:secret-words@127.0.0.1:${proxy.port}`)
    const refused = await reasonOf(KEYS, 'https://keys.invalid/jwks.json')
    expect(refused).toBe('the proxy of HTTPS_PROXY or HTTP_PROXY answers 407')
    await proxy.close()
    vi.stubEnv('https_proxy', 'secret-words')
    const wrong = await reasonOf(KEYS, 'https://keys.invalid/jwks.json')
    expect(wrong).toBe('HTTPS_PROXY or HTTP_PROXY is not the URL of a proxy')
  })
})

const stops: RequestListener = (_request, response) => void response.writeHead(200).write('{')

const drips: RequestListener = (_request, response) => {
  response.writeHead(200)
  const timer = setInterval(() => response.write(' '), 20)
  response.on('close', () => clearInterval(timer))
}
