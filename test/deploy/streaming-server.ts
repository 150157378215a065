// The server without Kafka, as it stands behind a proxy: its streams at one port, readiness at another.

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { registerStreams } from '../../src/app/registration.ts'
import { buildWebApp } from '../../src/app/web-app.ts'
import { parseEnvironment } from '../../src/config/parse.ts'
import { type Listener, listen } from '../../src/http/listener.ts'
import { SERVE_SETTINGS } from '../support/command-process.ts'
import { exampleClaims, makeKey, mintToken, nowSeconds } from '../support/keys-and-tokens.ts'
import { SourceInMemory, TopicInMemory } from '../support/topic-in-memory.ts'

export class StreamingServer {
  readonly topic = new TopicInMemory()
  /** Of each request for a stream or a renewal, the address that it counts for. */
  readonly addresses: string[] = []
  isReady = true
  private readonly folder = mkdtempSync(join(tmpdir(), 'streaming-'))
  private readonly key = makeKey('ES256')
  private readonly admin: Server
  private openResponses = 0
  private app: FastifyInstance | null = null
  private listener: Listener | null = null

  private constructor() {
    this.admin = createServer(({ url }, response) => {
      response.writeHead(url === '/health/ready' && this.isReady ? 200 : 503).end()
    })
  }

  static async open(settings: Readonly<Record<string, string>>): Promise<StreamingServer> {
    const server = new StreamingServer()
    await server.start(settings)
    return server
  }

  get ports(): { serverPort: number; adminPort: number } {
    const { port } = this.admin.address() as AddressInfo // it listens at a port
    return { serverPort: this.listener?.port ?? 0, adminPort: port }
  }

  /** Requests whose response is not closed yet. */
  get open(): number {
    return this.openResponses
  }

  token(seconds: number, subject = 'example'): string {
    return mintToken(this.key, { claims: { ...exampleClaims(), sub: subject, exp: nowSeconds() + seconds } })
  }

  async close(): Promise<void> {
    this.admin.closeAllConnections()
    this.admin.close()
    await this.app?.kafkaSseStreams.close()
    await this.listener?.close()
    await this.app?.close()
    rmSync(this.folder, { recursive: true })
  }

  private async start(settings: Readonly<Record<string, string>>): Promise<void> {
    const keys = join(this.folder, 'key.pem')
    writeFileSync(keys, this.key.publicPem)
    const options = await parseEnvironment({
      ...SERVE_SETTINGS,
      JWT_KEYS: keys,
      LOG_LEVEL: 'fatal',
      ...settings,
    })
    const topics = new SourceInMemory([this.topic])
    this.app = await buildWebApp(options, async (scope) => {
      scope.addHook('onRequest', async ({ ip }, { raw }) => {
        this.addresses.push(ip)
        this.openResponses++
        raw.once('close', () => this.openResponses--)
      })
      await registerStreams(scope, options, { topics })
    })
    const handler = this.app.routing as RequestListener
    this.listener = await listen(handler, { host: '127.0.0.1', port: 0, tls: null })
    this.admin.listen(0, '127.0.0.1')
    await once(this.admin, 'listening')
  }
}
