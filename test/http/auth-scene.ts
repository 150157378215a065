// An app over HTTP/2 whose `/events` authenticates as the auth plugin does, a client of it, and its log. No token that
// the client sent may be in the log when the scene is closed.

import { once } from 'node:events'
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { expect } from 'vitest'
import { authPlugin } from '../../plugins/auth.ts'
import { logRedaction } from '../../src/http/log-redaction.ts'
import type { AuthOptions } from '../../src/options.ts'
import type { Session } from '../../src/token/session.ts'
import { SCOPE } from '../support/keys-and-tokens.ts'
import { LogLines } from '../support/printed.ts'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export class AuthScene {
  readonly log = new LogLines()
  readonly app: FastifyInstance
  /** Of the requests that were let in. */
  readonly sessions: Session[] = []
  private readonly sent = new Set<string>()
  private client: ClientHttp2Session | null = null

  private constructor() {
    const server = Fastify({
      http2: true,
      forceCloseConnections: true,
      logger: { level: 'trace', stream: this.log.stream, ...logRedaction },
    })
    // Of the two kinds of server that Fastify's types know, the common one stands for both in the plugins.
    this.app = server as unknown as FastifyInstance
  }

  /** With options it has the plugin and `/events`, and listens. Without, that is for the test to do. */
  static async open(options?: AuthOptions): Promise<AuthScene> {
    const scene = new AuthScene()
    if (options === undefined) return scene
    await scene.app.register(authPlugin, options)
    scene.addEvents(scene.app)
    await scene.listen()
    return scene
  }

  addEvents(scope: FastifyInstance): void {
    scope.get('/events', async (request, reply) => {
      this.sessions.push(await scope.kafkaSseAuth.authenticate(request, reply, SCOPE))
      return 'in'
    })
  }

  async listen(): Promise<void> {
    await this.app.listen({ port: 0, host: '127.0.0.1' })
    this.client = connect(`http://127.0.0.1:${this.port}`)
  }

  get port(): number {
    return (this.app.server.address() as AddressInfo).port // an object for every server that listens on a port
  }

  async get(path: string, token?: string, headers: Record<string, string> = {}): Promise<Answer> {
    if (token !== undefined) this.willSend(token)
    if (this.client === null) throw new Error('the scene does not listen')
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const stream = this.client.request({ ':path': path, ...authorization, ...headers })
    const answered = once(stream, 'response')
    stream.setEncoding('utf8')
    let body = ''
    for await (const chunk of stream) body += chunk
    const [answer] = await answered
    return { status: Number(answer[':status']), headers: answer, body }
  }

  async statusOf(token: string): Promise<number> {
    return (await this.get('/events', token)).status
  }

  /** Notes a token that a test sends by itself; returns it. */
  willSend(token: string): string {
    this.sent.add(token)
    return token
  }

  /** By the log, why tokens were refused. */
  refusals(): unknown[] {
    return this.log.of('token refused').map((line) => line.check)
  }

  async close(): Promise<void> {
    this.client?.destroy()
    await this.app.close()
    const parts = [...this.sent]
      .flatMap((token) => token.split('.').slice(1))
      .filter(({ length }) => length > 8)
    for (const part of parts) expect(this.log.text()).not.toContain(part)
  }
}
