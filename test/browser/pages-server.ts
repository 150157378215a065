// An app's own server: pages that the test writes, the client's modules, and tokens at /token.

import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readClientFiles } from './client-files.ts'

export class PagesServer {
  readonly origin: string
  /** Pages by their path. */
  readonly texts = new Map<string, string>()
  /** Makes the tokens. */
  mint: () => Promise<string> = () => Promise.reject(new Error('the test makes no tokens'))
  private readonly server: Server
  private readonly files: ReadonlyMap<string, string>

  private constructor(server: Server, files: ReadonlyMap<string, string>) {
    this.server = server
    this.files = files
    const { port } = server.address() as AddressInfo // a TCP server's address is never a path
    this.origin = `http://localhost:${port}`
    server.on('request', ({ url = '' }, response) => void this.answer(url, response))
  }

  static async open(): Promise<PagesServer> {
    const server = createServer().listen(0, 'localhost')
    await once(server, 'listening')
    return new PagesServer(server, await readClientFiles())
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    this.server.close()
    await once(this.server, 'close')
  }

  private async answer(path: string, response: ServerResponse): Promise<void> {
    const [file, text] = [this.files.get(path), this.texts.get(path)]
    if (path === '/token') send(response, 'text/plain', await this.mint())
    else if (file !== undefined) send(response, 'text/javascript', file)
    else if (text !== undefined) send(response, 'text/html', text)
    else response.writeHead(404).end()
  }
}

function send(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-cache' }).end(body)
}
