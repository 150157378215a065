// Tickets over HTTP: how one is got, what it opens, and what does not spend it.

import { execFile } from 'node:child_process'
import type { ClientHttp2Session } from 'node:http2'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { SelectionPlan } from '../../src/selection/selection.ts'
import { RedeemedTickets } from '../../src/tickets/redeemed-tickets.ts'
import { SealedTickets } from '../../src/tickets/sealed-tickets.ts'
import { type RedeemTicket, Tickets } from '../../src/tickets/tickets.ts'
import { HttpScene, respond, type SceneOptions } from '../support/http-scene.ts'
import { hasPrograms } from '../support/programs.ts'
import { eventually } from '../support/time.ts'
import { TopicInMemory } from '../support/topic-in-memory.ts'

const SECRET = Buffer.alloc(32, 7)
const APP = 'https://app.example.com'
const OTHER = 'https://evil.example.net'

type Headers = Record<string, string>

interface TicketScene extends SceneOptions {
  readonly redeem?: RedeemTicket
  readonly epochMs?: () => number
}

async function open({
  redeem = new RedeemedTickets(Date.now).redeem,
  epochMs = Date.now,
  ...options
}: TicketScene = {}) {
  const sealed = new SealedTickets([SECRET])
  const tickets = new Tickets({ sealed, redeem, epochMs })
  const { selectors } = new SelectionPlan(options.selection ?? {})
  const topic = new TopicInMemory(1, { selectors })
  const scene = await HttpScene.open({ tickets, topic, ...options })
  onTestFinished(() => scene.close())
  return new Client(scene)
}

interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: unknown
}

class Client {
  readonly scene: HttpScene
  private readonly session: ClientHttp2Session

  constructor(scene: HttpScene) {
    this.scene = scene
    this.session = scene.connect()
  }

  /** The answer to POST of a ticket's path. */
  async ask(headers: Headers = {}, path = '/events/ticket'): Promise<Answer> {
    const authorization = `Bearer ${this.scene.token()}`
    return whole(await respond(this.session, { ':method': 'POST', ':path': path, authorization, ...headers }))
  }

  async ticket(headers: Headers = {}, path = '/events/ticket'): Promise<string> {
    const { body } = await this.ask(headers, path)
    return (body as { ticket: string }).ticket // as the tests of the answer show
  }

  /** Status of a GET with the ticket and no token. */
  async use(ticket: string, headers: Headers = {}, path = '/events'): Promise<number> {
    return (await this.get(`${path}?ticket=${ticket}`, headers)).status
  }

  async get(path: string, headers: Headers = {}) {
    const response = await respond(this.session, { ':path': path, ...headers })
    onTestFinished(() => void response.stream.destroy())
    return response
  }

  /** Of an answer that is no stream. */
  async refusal(path: string, headers: Headers = {}): Promise<Answer> {
    return whole(await this.get(path, headers))
  }
}

async function whole(response: Awaited<ReturnType<typeof respond>>): Promise<Answer> {
  await response.ended
  const { status, headers } = response
  return { status, headers, body: response.text() === '' ? null : JSON.parse(response.text()) }
}

describe('a ticket', () => {
  it('is the answer to a POST with a token, and opens the stream without one', async () => {
    const client = await open()
    const { status, headers, body } = await client.ask()
    expect(status).toBe(200)
    expect(body).toEqual({ ticket: expect.stringMatching(/^kst_[\w-]+$/), expires_in: 30 })
    expect(headers['cache-control']).toBe('no-store')
    const { ticket } = body as { ticket: string }
    const stream = await client.get(`/events?ticket=${ticket}`)
    expect(stream.status).toBe(200)
    client.scene.topic.produce('hello')
    await eventually(() => expect(stream.text()).toContain('data:hello'))
  })

  it('opens one stream, and is refused from then on', async () => {
    const client = await open()
    const ticket = await client.ticket()
    expect(await client.use(ticket)).toBe(200)
    const { status, headers, body } = await client.refusal(`/events?ticket=${ticket}`)
    expect(status).toBe(401)
    expect(body).toMatchObject({ statusCode: 401, code: 'FKS_TICKET_INVALID' })
    expect(headers['www-authenticate']).toBe('Bearer realm="kafka-sse", error="invalid_token"')
  })

  it('opens one stream at many connections at once', async () => {
    const client = await open()
    const ticket = await client.ticket()
    const path = `/events?ticket=${ticket}`
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => respond(client.scene.connect(), { ':path': path })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(401)])
  })

  it.runIf(hasPrograms('tickets of curl', 'curl'))('serves curl, over HTTP/1.1 and HTTP/2', async () => {
    const client = await open()
    const curl = async (...args: string[]) =>
      (await promisify(execFile)('curl', ['-sk', ...args], { encoding: 'utf8' })).stdout
    const url = `https://localhost:${client.scene.port}/events`
    // Long enough for two processes to start, on a machine that is busy.
    const read = async (version: string) => {
      const token = ['-H', `Authorization: Bearer ${client.scene.token(4)}`]
      const { ticket } = JSON.parse(await curl(version, '-X', 'POST', ...token, `${url}/ticket`))
      return await curl(version, `${url}?ticket=${ticket}`)
    }
    for (const text of await Promise.all(['--http1.1', '--http2'].map(read)))
      expect(text).toMatch(/^retry:\d+\n.*:end expired\n\n$/s)
  })

  it('ends its stream with the token that it was made for, which a renewal moves', async () => {
    const client = await open()
    const authorization = `Bearer ${client.scene.token(2)}`
    const [first, second] = [await client.ticket({ authorization }), await client.ticket({ authorization })]
    const one = await client.get(`/events?ticket=${first}`)
    const renewal = await client.scene.post({ authorization: `Bearer ${client.scene.token(60)}` })
    expect(renewal.status).toBe(204)
    const other = await client.get(`/events?ticket=${second}`)
    await other.ended
    expect(other.text()).toContain(':end expired')
    expect(one.text()).not.toContain(':end')
  })

  it('of a token without a subject opens a stream that this token in the URL of a renewal finds', async () => {
    const client = await open()
    const token = client.scene.token(60, { sub: undefined })
    const ticket = await client.ticket({ authorization: `Bearer ${token}` })
    expect(await client.use(ticket)).toBe(200)
    const authorization = `Bearer ${client.scene.token(90, { sub: undefined })}`
    const renew = async (query: string) =>
      (await client.scene.post({ authorization }, '', `/events${query}`)).status
    expect(await renew('')).toBe(404)
    expect(await renew(`?access_token=${token}`)).toBe(204)
  })

  it('holds neither the token nor claims that the stream does not name', async () => {
    const sealed = new SealedTickets([SECRET])
    const tickets = new Tickets({ sealed, redeem: new RedeemedTickets(Date.now).redeem, epochMs: Date.now })
    const client = await open({ tickets, selection: { key: '{token.org.id}' } })
    const token = client.scene.token(60, { org: { id: 'acme', name: 'Acme' }, email: 'alice@acme.test' })
    const opened = sealed.open(await client.ticket({ authorization: `Bearer ${token}` }))
    const held = JSON.stringify(opened)
    expect(opened?.session.claims).toEqual({ org: { id: 'acme' } })
    for (const part of [...token.split('.'), 'Acme', 'alice@']) expect(held).not.toContain(part)
  })

  it('opens a stream of what its token grants', async () => {
    const client = await open({ selection: { key: '{token.org.id}' } })
    const token = client.scene.token(60, { org: { id: 'acme' } })
    const ticket = await client.ticket({ authorization: `Bearer ${token}` })
    const { text } = await client.get(`/events?ticket=${ticket}`)
    client.scene.topic.produce('theirs', 'other')
    client.scene.topic.produce('ours', 'acme')
    await eventually(() => expect(text()).toContain('data:ours'))
    expect(text()).not.toContain('theirs')
  })

  it('is in no log line, and why it is refused is', async () => {
    const client = await open()
    const ticket = await client.ticket({ origin: APP })
    await client.use(ticket, { origin: OTHER })
    await client.use(`${ticket}A`)
    await client.get(`/nowhere/${ticket}?a=${ticket}`)
    expect(await client.use(ticket, { origin: APP })).toBe(200)
    await client.use(ticket, { origin: APP })
    const log = client.scene.lines.join('')
    for (const check of ['origin', 'unreadable', 'redeemed']) expect(log).toContain(`"check":"${check}"`)
    expect(log).not.toContain(ticket.slice(0, 20))
    expect(log).not.toContain(ticket.slice(-20))
  })
})

describe('a ticket is bound to its stream', () => {
  const path = '/orders/:customer'

  it('by the path and its parameters; elsewhere it is refused and not spent', async () => {
    const client = await open({ path })
    const ticket = await client.ticket({}, '/orders/alice/ticket')
    expect(await client.use(ticket, {}, '/orders/bob')).toBe(401)
    expect(await client.use(ticket, {}, '/orders/Alice')).toBe(401)
    expect(await client.use(ticket, {}, '/orders/alice')).toBe(200)
  })

  it('in any spelling of the path', async () => {
    const client = await open({ path })
    expect(await client.use(await client.ticket({}, '/orders/al%69ce/ticket'), {}, '/orders/%61lice')).toBe(
      200,
    )
    const slash = await client.ticket({}, '/orders/a%2Fb/ticket')
    expect(await client.use(slash, {}, '/orders/a')).toBe(401)
    expect(await client.use(slash, {}, '/orders/a%2fb')).toBe(200)
  })

  it('so that one of another stream with the same parameters opens nothing', async () => {
    const { redeem } = new RedeemedTickets(Date.now)
    const [orders, invoices] = [
      await open({ path, redeem }),
      await open({ path: '/invoices/:customer', redeem }),
    ]
    const ticket = await orders.ticket({}, '/orders/alice/ticket')
    expect(await invoices.use(ticket, {}, '/invoices/alice')).toBe(401)
    expect(await orders.use(ticket, {}, '/orders/alice')).toBe(200)
  })
})

describe('a ticket is bound to the page that asked for it', () => {
  const own = { 'sec-fetch-site': 'same-origin' }
  const cross = { 'sec-fetch-site': 'cross-site' }
  const rows: [string, Headers, Headers, number][] = [
    ['a page of another origin', { origin: APP, ...cross }, { origin: APP, ...cross }, 200],
    ['a page of another origin, in an older browser', { origin: APP }, { origin: APP }, 200],
    ['an own page, which names no origin in a GET', { origin: APP, ...own }, own, 200],
    ['an own page that names its origin', { origin: APP, ...own }, { origin: APP, ...own }, 200],
    ['a client that is no browser', {}, {}, 200],
    ['a server, for its own page', {}, own, 200],
    ['a page, used by a page of another origin', { origin: APP }, { origin: OTHER, ...cross }, 401],
    ['a page, used by a client that names no origin', { origin: APP }, {}, 401],
    ['a page of another origin, used by an own one', { origin: APP, ...cross }, own, 401],
    ['an own page, used by a client that says nothing', { origin: APP, ...own }, {}, 401],
    ['an own page, as an image of another site', { origin: APP, ...own }, cross, 401],
    [
      'an own page, from a neighbouring host',
      { origin: APP, ...own },
      { 'sec-fetch-site': 'same-site' },
      401,
    ],
    ['an own page, in the address bar', { origin: APP, ...own }, { 'sec-fetch-site': 'none' }, 401],
    ['a client that is no browser, used by a page', {}, { origin: APP, ...cross }, 401],
    ['a client that is no browser, as an image of another site', {}, cross, 401],
    ['a page, used by a sandboxed one', { origin: APP }, { origin: 'null' }, 401],
    ['a page, in another case of its origin', { origin: APP }, { origin: APP.toUpperCase() }, 401],
    ['a page, with a slash behind its origin', { origin: APP }, { origin: `${APP}/` }, 401],
  ]
  it.each(rows)('%s: asked with %j, used with %j: %d', async (_, asked, used, status) => {
    const client = await open()
    const ticket = await client.ticket(asked)
    expect(await client.use(ticket, used)).toBe(status)
    // A refused attempt has not spent it.
    if (status === 401) expect(await client.use(ticket, asked)).toBe(200)
  })

  it('so that a page whose origin is opaque gets none', async () => {
    const { status, body } = await (await open()).ask({ origin: 'null' })
    expect(status).toBe(403)
    expect(body).toMatchObject({ code: 'FKS_ORIGIN_REFUSED' })
  })
})

describe('where a request has several credentials', () => {
  it('an Authorization header goes before a ticket, which is not spent', async () => {
    const client = await open()
    const ticket = await client.ticket()
    expect(await client.use(ticket, { authorization: `Bearer ${client.scene.token()}` })).toBe(200)
    expect(await client.use(ticket, { authorization: 'Bearer no.such.token' })).toBe(401)
    expect(await client.use(ticket, { authorization: 'Basic dTpw' })).toBe(401)
    expect(await client.use(ticket)).toBe(200)
  })

  it('a ticket goes before access_token, even if it is refused', async () => {
    const client = await open()
    const ticket = await client.ticket()
    const bad = '&access_token=no.such.token'
    expect((await client.get(`/events?ticket=${ticket}${bad}`)).status).toBe(200)
    const good = `&access_token=${client.scene.token()}`
    expect((await client.get(`/events?ticket=${ticket}${good}`)).status).toBe(401)
    expect((await client.get(`/events?ticket=${good}`)).status).toBe(200)
  })

  it('a ticket goes before a cookie, which may ask for one as it may open a stream', async () => {
    const auth = { cookie: '__Host-token', cookieOrigins: [APP] }
    const client = await open({ auth })
    const cookie = `__Host-token=${client.scene.token()}`
    const ask = async (headers: Headers) =>
      whole(
        await respond(client.scene.connect(), {
          ':method': 'POST',
          ':path': '/events/ticket',
          cookie,
          ...headers,
        }),
      )
    expect((await ask({ origin: OTHER })).status).toBe(403)
    expect((await ask({})).status).toBe(403)
    const { status, body } = await ask({ origin: APP })
    expect(status).toBe(200)
    const { ticket } = body as { ticket: string }
    expect(await client.use(ticket, { origin: OTHER, cookie })).toBe(401)
    expect(await client.use(ticket, { origin: APP, cookie: '__Host-token=no.such.token' })).toBe(200)
  })

  it('two tickets are none, and are not spent', async () => {
    const client = await open()
    const [one, other] = [await client.ticket(), await client.ticket()]
    expect((await client.get(`/events?ticket=${one}&ticket=${other}`)).status).toBe(401)
    expect((await client.get(`/events?ticket=${one}&ticket=${one}`)).status).toBe(401)
    expect(await client.use(one)).toBe(200)
    expect(await client.use(other)).toBe(200)
  })
})

describe('time', () => {
  it('ends a ticket after 30 s', async () => {
    let nowMs = Date.now()
    const client = await open({ epochMs: () => nowMs })
    const [early, late] = [await client.ticket(), await client.ticket()]
    nowMs += 29_999
    expect(await client.use(early)).toBe(200)
    nowMs += 1
    expect(await client.use(late)).toBe(401)
  })

  it('ends a ticket with its token', async () => {
    let nowMs = Date.now()
    const client = await open({ epochMs: () => nowMs })
    const { body } = await client.ask({ authorization: `Bearer ${client.scene.token(12)}` })
    const { ticket, expires_in: seconds } = body as { ticket: string; expires_in: number }
    expect(seconds).toBeGreaterThan(9)
    expect(seconds).toBeLessThan(13)
    nowMs = Date.now() + 12_001
    expect(await client.use(ticket)).toBe(401)
  })

  it('is looked at again once the redemption has been answered', async () => {
    let nowMs = Date.now()
    const redeem = async () => {
      nowMs += 31_000
      return true
    }
    const client = await open({ epochMs: () => nowMs, redeem })
    expect(await client.use(await client.ticket())).toBe(401)
  })
})

describe('a ticket is not given', () => {
  it('without a good token that has the scope', async () => {
    const client = await open()
    const { status, body } = await whole(
      await respond(client.scene.connect(), { ':method': 'POST', ':path': '/events/ticket' }),
    )
    expect([status, body]).toEqual([401, expect.objectContaining({ code: 'FKS_TOKEN_MISSING' })])
    expect((await client.ask({ authorization: 'Bearer no.such.token' })).status).toBe(401)
    const noScope = await client.ask({
      authorization: `Bearer ${client.scene.token(60, { scope: 'other' })}`,
    })
    expect([noScope.status, noScope.body]).toEqual([
      403,
      expect.objectContaining({ code: 'FKS_SCOPE_MISSING' }),
    ])
  })

  it('for a ticket', async () => {
    const client = await open()
    const ticket = await client.ticket()
    const path = `/events/ticket?ticket=${ticket}`
    const { status } = await whole(
      await respond(client.scene.connect(), { ':method': 'POST', ':path': path }),
    )
    expect(status).toBe(401)
    expect(await client.use(ticket)).toBe(200)
  })

  it('where the token grants nothing', async () => {
    const client = await open({
      path: '/orders/:customer',
      selection: { key: '{token.org}', where: { 'params.customer': '{token.sub}' } },
    })
    const codeOf = async (path: string, claims: object) => {
      const authorization = `Bearer ${client.scene.token(60, { ...claims })}`
      const { status, body } = await client.ask({ authorization }, path)
      return [status, (body as { code?: string }).code]
    }
    const path = '/orders/alice/ticket'
    expect(await codeOf(path, { sub: 'bob', org: 'acme' })).toEqual([403, 'FKS_NOT_ALLOWED'])
    expect(await codeOf(path, { sub: 'alice' })).toEqual([403, 'FKS_SELECTION_EMPTY'])
    expect(await codeOf(path, { sub: 'alice', org: 'acme' })).toEqual([200, undefined])
  })

  it('if what the stream needs of the token does not fit', async () => {
    const client = await open({ selection: { key: '{token.orgs}' } })
    const ask = (count: number) => {
      const orgs = Array.from({ length: count }, (_, at) => `organisation-${at}`)
      return client.ask({ authorization: `Bearer ${client.scene.token(60, { orgs })}` })
    }
    expect((await ask(200)).status).toBe(200)
    const { status, body } = await ask(400)
    expect([status, body]).toEqual([403, expect.objectContaining({ code: 'FKS_TICKET_TOO_LARGE' })])
  })
})

describe('the path of tickets', () => {
  it('has POST and OPTIONS alone', async () => {
    const client = await open()
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH']) {
      const { status, headers } = await whole(
        await respond(client.scene.connect(), { ':method': method, ':path': '/events/ticket' }),
      )
      expect([method, status, headers.allow]).toEqual([method, 405, 'POST, OPTIONS'])
    }
  })

  it('does not exist where tickets are off, and a ticket in the query is nothing', async () => {
    const client = await open()
    const scene = await HttpScene.open()
    onTestFinished(() => scene.close())
    const off = new Client(scene)
    expect((await off.ask()).status).toBe(404)
    const path = `/events?ticket=${await client.ticket()}`
    const { status, body } = await off.refusal(path)
    expect([status, body]).toEqual([401, expect.objectContaining({ code: 'FKS_TOKEN_MISSING' })])
    expect((await off.get(path, { authorization: `Bearer ${scene.token()}` })).status).toBe(200)
  })
})

describe('while nothing can tell which tickets were redeemed', () => {
  const redeem = () => Promise.reject(new Error('Kafka does not answer'))

  it('a ticket is 503 with Retry-After, and the log says why', async () => {
    const client = await open({ redeem })
    const { status, headers, body } = await client.refusal(`/events?ticket=${await client.ticket()}`)
    expect([status, body]).toEqual([503, expect.objectContaining({ code: 'FKS_TICKETS_UNAVAILABLE' })])
    expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(5)
    expect(client.scene.lines.join('')).toContain('Kafka does not answer')
  })

  it('an EventSource gets a stream that ends as busy', async () => {
    const client = await open({ redeem })
    const stream = await client.get(`/events?ticket=${await client.ticket()}`, {
      accept: 'text/event-stream',
    })
    await stream.ended
    expect(stream.status).toBe(200)
    expect(stream.text()).toMatch(/^retry:\d+\n\n:end busy\n\n$/)
  })
})

describe('a host that authenticates by itself', () => {
  it('has tickets of its sessions, and is not asked about a request with one', async () => {
    let asked = 0
    const authenticate = () => {
      asked++
      return { subject: 'alice', expiresAt: Date.now() + 60_000, claims: { org: 'acme' } }
    }
    const client = await open({ auth: { authenticate }, selection: { key: '{token.org}' } })
    const ticket = await client.ticket()
    expect(asked).toBe(1)
    expect(await client.use(ticket)).toBe(200)
    expect(asked).toBe(1)
  })
})
