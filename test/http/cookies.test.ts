// A token in a cookie, which a browser also sends for pages of other origins: who may use it, and what CORS says.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import kafkaSse, { type KafkaSseOptions } from '../../src/plugin.ts'
import { HttpScene } from '../support/http-scene.ts'
import { AUDIENCE, ISSUER, makeKey } from '../support/keys-and-tokens.ts'
import { hasPrograms } from '../support/programs.ts'

const NAME = '__Host-token'
const LISTED = 'https://app.example.com'
const OTHER = 'https://evil.example.net'

async function open(): Promise<HttpScene> {
  const scene = await HttpScene.open({ auth: { cookie: NAME, cookieOrigins: [LISTED] } })
  onTestFinished(() => scene.close())
  return scene
}

type Headers = Record<string, string>

/** Statuses of GET and POST with the cookie and nothing else that holds a token. */
async function statuses(scene: HttpScene, headers: Headers, cookie = `${NAME}=${scene.token()}`) {
  const got = await scene.get('/events', { authorization: undefined, cookie, ...headers })
  const posted = await scene.post({ cookie, ...headers })
  return [got.status, posted.status]
}

describe('a token in a cookie', () => {
  it('is taken from a page of the own origin, or of a listed one', async () => {
    const scene = await open()
    expect(await statuses(scene, { 'sec-fetch-site': 'same-origin' })).toEqual([200, 204])
    expect(await statuses(scene, { origin: LISTED, 'sec-fetch-site': 'cross-site' })).toEqual([200, 204])
    expect(await statuses(scene, { origin: LISTED })).toEqual([200, 204])
  })

  it('is refused from any other, and by a client that names none', async () => {
    const scene = await open()
    const refused: Headers[] = [
      {},
      { origin: OTHER },
      { origin: OTHER, 'sec-fetch-site': 'cross-site' },
      { origin: `${LISTED}.evil.example.net` },
      { origin: `${LISTED}/` },
      { origin: 'null' },
      { origin: '*' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
      { 'sec-fetch-site': 'same-origin, cross-site' },
      { referer: `${LISTED}/page` },
    ]
    for (const headers of refused)
      expect(await statuses(scene, headers), JSON.stringify(headers)).toEqual([403, 403])
    const { status, text, ended } = await scene.get('/events', {
      authorization: undefined,
      cookie: `${NAME}=${scene.token()}`,
    })
    await ended
    expect(status).toBe(403)
    expect(JSON.parse(text())).toMatchObject({ statusCode: 403, code: 'FKS_ORIGIN_REFUSED' })
  })

  it('is refused before the token is looked at, so that a page learns nothing of it', async () => {
    const scene = await open()
    expect(await statuses(scene, { origin: OTHER }, `${NAME}=no.such.token`)).toEqual([403, 403])
    expect(await statuses(scene, { origin: OTHER }, `${NAME}=a; ${NAME}=b`)).toEqual([403, 403])
    expect(await statuses(scene, { origin: LISTED }, `${NAME}=no.such.token`)).toEqual([401, 401])
    expect(await statuses(scene, { origin: OTHER }, 'other=a')).toEqual([401, 401])
  })

  it('is not read from a cookie whose name only resembles its own, which a neighbouring host may set', async () => {
    const scene = await open()
    const own = { 'sec-fetch-site': 'same-origin' }
    for (const other of ['\xa0', '\x85', '\t\xa0'].flatMap((space) => [space + NAME, NAME + space]))
      expect(await statuses(scene, own, `${other}=${scene.token()}`), JSON.stringify(other)).toEqual([
        401, 401,
      ])
    const token = scene.token()
    expect(await statuses(scene, own, `\xa0${NAME}=a.b.c; ${NAME}=${token}`)).toEqual([200, 204])
    expect(await statuses(scene, own, `a=1; \t ${NAME} \t=\t ${token}`)).toEqual([200, 204])
  })

  it('is refused if there are two of its name', async () => {
    const scene = await open()
    const own = { 'sec-fetch-site': 'same-origin' }
    const token = scene.token()
    expect(await statuses(scene, own, `${NAME}=${token}; ${NAME}=${token}`)).toEqual([401, 401])
    expect(await statuses(scene, own, `${NAME}=; ${NAME}=${token}`)).toEqual([401, 401])
    expect(await statuses(scene, own, `a=1; ${NAME}=${token}; b=2`)).toEqual([200, 204])
  })

  it('comes after a token that the client wrote itself, which needs no origin', async () => {
    const scene = await open()
    const cookie = `${NAME}=no.such.token`
    const inQuery = `/events?access_token=${scene.token()}`
    expect((await scene.get(inQuery, { authorization: undefined, cookie })).status).toBe(200)
    expect((await scene.get('/events', { cookie, origin: OTHER })).status).toBe(200)
    const bad = '/events?access_token=no.such.token'
    const good = { cookie: `${NAME}=${scene.token()}`, 'sec-fetch-site': 'same-origin' }
    expect((await scene.get(bad, { authorization: undefined, ...good })).status).toBe(401)
    expect((await scene.get('/events', { authorization: 'Basic dTpw', ...good })).status).toBe(401)
  })

  it('is told to no log', async () => {
    const scene = await open()
    const token = scene.token()
    await statuses(scene, { origin: OTHER }, `${NAME}=${token}`)
    expect(scene.lines.join('')).toContain('"check":"origin"')
    expect(scene.lines.join('')).not.toContain(token.split('.')[1])
  })

  it.runIf(hasPrograms('a cookie of curl', 'curl'))(
    'is refused to curl, over HTTP/1.1 and HTTP/2',
    async () => {
      const scene = await open()
      const cookie = `${NAME}=${scene.token()}`
      for (const version of ['--http1.1', '--http2']) {
        const url = `https://localhost:${scene.port}/events`
        const options = ['-sk', version, '-b', cookie, '-H', `Origin: ${OTHER}`]
        const { stdout } = await promisify(execFile)('curl', [...options, url])
        expect(JSON.parse(stdout)).toMatchObject({ statusCode: 403 })
      }
    },
  )
})

describe('CORS, where a cookie may hold the token', () => {
  let app: FastifyInstance
  afterEach(() => app.close())

  async function openApp(sse: KafkaSseOptions['sse'], cookie: string | null = NAME) {
    app = fastify()
    const auth = { issuer: ISSUER, audience: AUDIENCE, keys: makeKey('ES256').publicPem, cookie }
    const kafka = { bootstrapServers: '127.0.0.1:1' } // where nothing listens
    await app.register(kafkaSse, {
      kafka,
      auth,
      streams: [{ path: '/events', topic: 'events' }],
      sse: sse ?? {},
    })
    await app.ready()
  }

  const answers = async (origin: string) => {
    const preflight = { origin, 'access-control-request-method': 'POST' }
    return [
      (await app.inject({ url: '/events', headers: { origin } })).headers,
      (await app.inject({ method: 'OPTIONS', url: '/events', headers: preflight })).headers,
    ]
  }

  it('allows credentials to listed origins, and to no other', async () => {
    await openApp({ corsOrigins: [LISTED] })
    for (const headers of await answers(LISTED)) {
      expect(headers['access-control-allow-origin']).toBe(LISTED)
      expect(headers['access-control-allow-credentials']).toBe('true')
      expect(headers.vary).toBe('Origin')
    }
    for (const headers of await answers(OTHER)) {
      expect(headers['access-control-allow-origin']).toBeUndefined()
      expect(headers['access-control-allow-credentials']).toBeUndefined()
    }
  })

  it('allows no origin unless some are listed', async () => {
    await openApp({})
    for (const headers of await answers(LISTED)) {
      expect(headers['access-control-allow-origin']).toBeUndefined()
      expect(headers['access-control-allow-credentials']).toBeUndefined()
    }
  })

  it('allows no credentials without such a cookie', async () => {
    await openApp({ corsOrigins: [LISTED] }, null)
    for (const headers of await answers(LISTED)) {
      expect(headers['access-control-allow-origin']).toBe(LISTED)
      expect(headers['access-control-allow-credentials']).toBeUndefined()
    }
  })
})
