// What `kafka-sse check` says of a stream at a URL: connections that fail, answers that are no stream, and proxies on
// the way, one of them nginx.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { CheckReport } from '../../src/check/check-report.ts'
import { connectionFault } from '../../src/check/connection-fault.ts'
import { checkUrl } from '../../src/check/url-check.ts'
import { ConnectLate } from '../../src/check/watched-stream.ts'
import { makeCertificates } from '../../src/demo/certificates.ts'
import { localCertificates } from '../support/certificates.ts'
import { freePort } from '../support/free-port.ts'
import { keepSecret } from '../support/printed.ts'
import { hasPrograms } from '../support/programs.ts'

const WATCH_MS = 2_600
const TOKEN = 'a.b.c'
const HTTP1 =
  /^warn 127\.0\.0\.1:\d+ answers by HTTP\/1\.1(, by nginx)?\. browsers open six connections to a host: offer h2 by ALPN to pages$/
const AS_SENT = /^ok bytes come as they are sent: the first after [01]\.\d s, more after [012]\.\d s$/
const BUFFERS =
  /: something on the way buffers.*\. turn its buffering off for this path \(nginx: proxy_buffering off\)/
const DAY_MS = 86_400_000

const closing: (Server | Http2SecureServer | TcpServer)[] = []
afterAll(() => {
  for (const server of closing.splice(0)) {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  }
})

/** What it says, without the name of the check. */
async function told(url: string, { token = TOKEN, ca = '' }: { token?: string | null; ca?: string } = {}) {
  const lines: string[] = []
  const report = new CheckReport(({ check, verdict, words, advice }) => {
    expect(check).toBe('url')
    lines.push(`${verdict} ${words}${advice === null ? '' : `. ${advice}`}`)
  })
  await checkUrl(report, { url: new URL(url), token, authorities: ca === '' ? null : ca }, WATCH_MS)
  expect(lines.join()).not.toContain(TOKEN)
  return lines
}

function listening(server: Server | Http2SecureServer | TcpServer): Promise<number> {
  closing.push(server)
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(Object(server.address()).port))
  })
}

async function plain(listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listening(createPlainServer(listener))}/events`
}

const begin: RequestListener = (_, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform' })
  response.write('retry:1000\n\n')
}

/** As the server: the reconnection time at once, and a heartbeat later. */
const stream: RequestListener = (request, response) => {
  begin(request, response)
  setTimeout(() => response.write(':\n\n'), 900)
}

describe.concurrent('a stream', () => {
  it('is asked for from its end, with the token, as a browser asks', async () => {
    const asked: unknown[] = []
    const url = await plain((request, response) => {
      const { authorization, accept, 'accept-encoding': coding } = request.headers
      asked.push({ path: request.url, authorization, accept, coding })
      stream(request, response)
    })
    expect(await told(url)).toEqual([expect.stringMatching(HTTP1), expect.stringMatching(AS_SENT)])
    expect(await told(`${url}?from=earliest`)).toHaveLength(2)
    const headers = {
      authorization: `Bearer ${TOKEN}`,
      accept: 'text/event-stream',
      coding: 'gzip, deflate, br',
    }
    expect(asked).toEqual([
      { path: '/events?from=latest', ...headers },
      { path: '/events?from=earliest', ...headers },
    ])
  })

  it('by plain HTTP from another machine is told so, if it has a token that others can read', async () => {
    // Linux takes 0.0.0.0 for this machine. The name is not one that says so.
    const url = (await plain(stream)).replace('127.0.0.1', '0.0.0.0')
    const [first, ...more] = await told(url)
    expect(first).toBe('warn http has no TLS, so anyone on the way can read the token. use https')
    expect(more).toHaveLength(2)
    expect(await told(url, { token: null })).toHaveLength(2)
  })

  it('by HTTP/2 is told so, with what has answered', async () => {
    const { caPem, certificatePem: cert, keyPem: key } = await localCertificates()
    const server = createSecureServer({ cert, key }, (_, response) => {
      const type = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }
      response.writeHead(200, { ...type, server: 'caddy', via: '1.1 cache' })
      response.write('retry:1000\n\n')
      setTimeout(() => response.write(':\n\n'), 900)
    })
    const url = `https://127.0.0.1:${await listening(server)}/events`
    expect(await told(url, { ca: caPem })).toEqual([
      expect.stringMatching(/^ok 127\.0\.0\.1:\d+ answers by HTTP\/2, by 1\.1 cache, caddy$/),
      expect.stringMatching(AS_SENT),
    ])
  })

  it('that is cut before its first heartbeat is told so', async () => {
    const url = await plain((request, response) => {
      begin(request, response)
      setTimeout(() => response.destroy(), 700)
    })
    expect((await told(url)).slice(1)).toEqual([
      expect.stringMatching(
        /^fail it was cut after 0\.\d s\. set the time-outs of all on the way above HEARTBEAT/,
      ),
    ])
  })

  it('that the server ends at once is told with the reason', async () => {
    const url = await plain((request, response) => {
      begin(request, response)
      response.end(':end busy\n\n')
    })
    expect((await told(url)).slice(1)).toEqual([
      'warn the server ends the stream at once: busy. see its /health/ready and its log',
    ])
  })

  it('without a heartbeat for as long as was watched is a warning', async () => {
    expect((await told(await plain(begin))).slice(1)).toEqual([
      expect.stringMatching(
        /^warn the first bytes came at once, and no heartbeat in the next 2\.6 s\. HEARTBEAT_SEC/,
      ),
    ])
  })
})

describe.concurrent('an answer', () => {
  it.each<[string, RequestListener, RegExp[]]>([
    [
      'whose bytes come late',
      (request, response) => {
        const { write } = response
        response.write = () => true
        begin(request, response)
        response.flushHeaders()
        setTimeout(() => write.call(response, 'retry:1000\n\n:\n\n', 'utf8'), 2200)
      },
      [/^fail the first bytes came 2\.\d s after the head: something on the way buffers\. turn its buff/],
    ],
    [
      'that is compressed and counted',
      (_, response) => {
        const body = gzipSync('retry:1000\n\n:\n\n')
        const type = { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' }
        response.writeHead(200, { ...type, 'content-length': body.length }).end(body)
      },
      [
        /^warn content-encoding is gzip: who compresses has to collect bytes first\. turn/,
        /^fail content-length is \d+: something on the way buffers/,
        /^warn cache-control is missing: a cache may keep the answer/,
        /^fail it was cut after/,
      ],
    ],
    [
      'that a compressor holds back',
      (_, response) => {
        const head = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }
        response.writeHead(200, { ...head, 'content-encoding': 'gzip' })
        response.write(gzipSync('retry:1000\n\n').subarray(0, 10))
      },
      [
        /^warn content-encoding is gzip/,
        /^fail no byte within 2\.6 s after the head: something on the way buff/,
      ],
    ],
    [
      'that is held back until a proxy cuts it',
      (_, response) => {
        const head = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }
        setTimeout(() => response.writeHead(200, head).end('retry:1000\n\n'), 2_200)
      },
      [
        /^fail the head came 2\.\d s late, and all else with it: something on the way buffers\. turn its buff/,
      ],
    ],
    [
      'of a proxy without a server',
      (_, response) => response.writeHead(502, { server: 'nginx' }).end('retry:'),
      [/^fail it answers 502 in place of a stream\. the proxy does not reach the server: see its upstream/],
    ],
    [
      'that redirects',
      (_, response) => response.writeHead(308, { location: '/login?next=/events&t=secret' }).end(),
      [
        /^fail it answers 308 to http:\/\/127\.0\.0\.1:\d+\/login in place of a stream\. give clients that URL/,
      ],
    ],
    [
      'for a path without a stream',
      (_, response) => response.writeHead(404).end(),
      [/^fail it answers 404 in place of a stream\. no stream has this path: see streams in CONFIG_FILE/],
    ],
    [
      'that refuses the token',
      (_, response) => response.writeHead(401).end(),
      [
        /^fail it answers 401 in place of a stream\. the check token says which check refuses it; a proxy must/,
      ],
    ],
    [
      'that is a page',
      (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
      [/^fail content-type is text\/html/, /^warn cache-control/, /^fail what comes is no stream/],
    ],
    [
      'that does not come',
      () => {},
      [/^fail no head within 2\.6 s: something on the way buffers, or the server hangs\. turn/],
    ],
  ])('%s is told so', async (_, listener, expected) => {
    const lines = await told(await plain(listener))
    expect(lines.filter((line) => !HTTP1.test(line))).toEqual(
      expected.map((words) => expect.stringMatching(words)),
    )
  })

  it('that repeats the token, or has long headers, has neither told', async () => {
    const echo = (head: Record<string, string>, status = 200) =>
      plain((_, response) => response.writeHead(status, head).end(`retry:1\n\n:end ${TOKEN}\n\n`))
    const type = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }
    const ENDED =
      'warn the server ends the stream at once: for no reason of this server. see its /health/ready and its log'
    const long = 'x'.repeat(5_000)
    // Only the beginning of so long a token comes, because no more is kept of the body.
    const token = `${TOKEN}${'y'.repeat(600)}`
    const cut = await plain((_, response) =>
      response.writeHead(200, type).end(`retry:1\n\n:end ${token}\n\n`),
    )
    expect((await told(cut, { token }))[1]).toBe(ENDED)
    expect(await told(await echo({ ...type, server: TOKEN, via: long }))).toEqual([
      expect.stringMatching(/by HTTP\/1\.1, by x{300}…, TOKEN\. browsers/),
      ENDED,
    ])
    expect((await told(await echo({ location: `/${TOKEN}/` }, 302)))[1]).toMatch(
      /^fail it answers 302 to http:\/\/127\.0\.0\.1:\d+\/TOKEN\/ in place of a stream/,
    )
    expect((await told(await echo({ 'content-type': TOKEN })))[1]).toBe(
      'fail content-type is TOKEN, not text/event-stream',
    )
  })

  it('that demands a token where none was given is a warning', async () => {
    const url = await plain((_, response) => response.writeHead(401).end())
    expect((await told(url, { token: null })).slice(1)).toEqual([
      'warn it demands a token (401), as it should. give one to see how bytes come: --token',
    ])
  })
})

describe('a connection', () => {
  const secure = async (names: string[], atMs = Date.now()) => {
    const { caPem, certificatePem: cert, keyPem } = await makeCertificates(names, atMs)
    const server = createSecureServer({ cert, key: keepSecret(keyPem) }, (_, response) => response.end())
    return { url: `https://127.0.0.1:${await listening(server)}/events`, ca: caPem }
  }

  it('that is refused is told so', async () => {
    expect(await told('http://127.0.0.1:1/events')).toEqual([
      'fail 127.0.0.1:1 cannot be reached: nothing listens there (ECONNREFUSED). see the port, and whether it has started',
    ])
  })

  it('to a name that there is not, or that takes too long, is told so', () => {
    const url = new URL('https://stream.example/events')
    const unknown = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' })
    expect(connectionFault(url, unknown)).toEqual({
      words: 'its name is not found (ENOTFOUND)',
      advice: 'see the name, and the DNS of this machine',
    })
    expect(connectionFault(url, new ConnectLate('no connection within 10 s'))).toEqual({
      words: 'no connection within 10 s',
      advice: 'see what firewalls on the way drop',
    })
  })

  it('whose certificate is of an unknown authority says how to give it, or what the server lacks', async () => {
    const { url } = await secure(['127.0.0.1'])
    expect(await told(url)).toEqual([
      expect.stringMatching(
        /^fail .* leads to no authority that is known here \(\w+\)\. give a private authority by --ca; of a public one/,
      ),
    ])
  })

  it('whose certificate is of another name, has expired or is not valid yet says that', async () => {
    const other = await secure(['elsewhere.example'])
    expect(await told(other.url, other)).toEqual([
      expect.stringMatching(
        /^fail .*: Hostname\/IP does not match .*\. issue the certificate for that name, or use/,
      ),
    ])
    const old = await secure(['127.0.0.1'], Date.now() - 400 * DAY_MS)
    expect(await told(old.url, old)).toEqual([
      expect.stringMatching(/^fail .*: its certificate has expired \(CERT_HAS_EXPIRED\)\. renew it$/),
    ])
    const early = await secure(['127.0.0.1'], Date.now() + DAY_MS)
    expect(await told(early.url, early)).toEqual([
      expect.stringMatching(
        /^fail .*: its certificate is not valid yet \(CERT_NOT_YET_VALID\)\. look at the clock/,
      ),
    ])
  })

  it('with TLS to a port without it, and the other way round, says so', async () => {
    const url = await plain((_, response) => response.end())
    expect(await told(url.replace('http:', 'https:'))).toEqual([
      expect.stringMatching(/^fail .* it speaks no TLS \(\w+\)\. is the URL http:\/\/\?$/),
    ])
    const { url: secured } = await secure(['127.0.0.1'])
    expect(await told(secured.replace('https:', 'http:'))).toEqual([
      expect.stringMatching(/^fail .*\. is the URL https:\/\/\?$/),
    ])
  })

  it('that is accepted and closed is told so', async () => {
    const port = await listening(createTcpServer((socket) => socket.destroy()))
    expect(await told(`http://127.0.0.1:${port}/events`)).toEqual([
      expect.stringMatching(/^fail .*\. is the URL https/),
    ])
  })
})

describe
  .skipIf(!hasPrograms('what kafka-sse check says of nginx', 'nginx'))
  .concurrent('behind nginx', () => {
    const folder = mkdtempSync(join(tmpdir(), 'nginx-'))
    let upstream: Server
    let proxy: ChildProcess
    let caPem: string
    let ports: { plain: number; secure: number }

    beforeAll(async () => {
      const certificates = await localCertificates()
      caPem = certificates.caPem
      writeFileSync(join(folder, 'server.crt'), certificates.certificatePem)
      writeFileSync(join(folder, 'server.key'), certificates.keyPem)
      upstream = createPlainServer(stream).listen(0, '127.0.0.1')
      await once(upstream, 'listening')
      const behind = `127.0.0.1:${Object(upstream.address()).port}`
      ports = { plain: await freePort(), secure: await freePort() }
      writeFileSync(join(folder, 'nginx.conf'), configuration(behind))
      proxy = spawn('nginx', ['-p', folder, '-e', 'stderr', '-c', 'nginx.conf'], { stdio: 'ignore' })
      const isUp = async () => expect((await fetch(`http://127.0.0.1:${ports.plain}/up`)).status).toBe(204)
      await vi.waitFor(isUp, { timeout: 10_000, interval: 50 })
    })
    afterAll(() => {
      proxy.kill('SIGKILL')
      upstream.closeAllConnections()
      upstream.close()
      rmSync(folder, { recursive: true })
    })

    const configuration = (behind: string) => `
    daemon off; master_process off; pid nginx.pid; error_log stderr;
    events {}
    http {
      access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
      uwsgi_temp_path uwsgi; scgi_temp_path scgi;
      server {
        listen 127.0.0.1:${ports.plain};
        listen 127.0.0.1:${ports.secure} ssl http2;
        ssl_certificate server.crt; ssl_certificate_key server.key;
        location = /up { return 204; }
        location = /default { proxy_pass http://${behind}; }
        location = /gzip { gzip on; gzip_types text/event-stream; gzip_min_length 0; proxy_pass http://${behind}; }
        location = /flushed { proxy_buffering off; gzip on; gzip_types text/event-stream; gzip_min_length 0;
          proxy_pass http://${behind}; proxy_http_version 1.1; }
        location = /off { proxy_buffering off; proxy_pass http://${behind}; }
      }
    }`

    const at = (path: string) => told(`https://127.0.0.1:${ports.secure}${path}`, { ca: caPem })
    const HTTP2 = /^ok 127\.0\.0\.1:\d+ answers by HTTP\/2, by nginx\//

    it('as it is by default a stream does not come', async () => {
      const both = [at('/default'), told(`http://127.0.0.1:${ports.plain}/default`)]
      for (const lines of await Promise.all(both)) expect(lines).toEqual([expect.stringMatching(BUFFERS)])
    })

    it('with proxy_buffering off it comes, by HTTP/2', async () => {
      expect(await at('/off')).toEqual([expect.stringMatching(HTTP2), expect.stringMatching(AS_SENT)])
    })

    it('that compresses it is told so', async () => {
      expect(await at('/gzip')).toEqual([expect.stringMatching(BUFFERS)])
      expect(await at('/flushed')).toEqual([
        expect.stringMatching(HTTP2),
        expect.stringMatching(/^warn content-encoding is gzip: who compresses has to collect bytes first/),
        expect.stringMatching(AS_SENT),
      ])
    })

    it('to a path that it does not have is told so', async () => {
      expect((await at('/nowhere')).slice(1)).toEqual([
        expect.stringMatching(/^fail it answers 404 .*no stream has/),
      ])
    })
  })
