// A folder and terminals in which the blocks of a page are played: its files, its server, and shells whose output is
// compared with the page.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, vi } from 'vitest'
import { CLI } from '../support/command-process.ts'
import { keepPrintedBy, keepSecret } from '../support/printed.ts'
import type { TutorialBlock } from './tutorial-text.ts'

const SOON = { timeout: 30_000, interval: 20 }
/** Where the page's server listens. */
const PAGE_PORT = 'localhost:7143'
/** `npx kafka-sse` without npm, which would ask a registry in a folder without it. */
const NPX = `#!/bin/sh\nshift\nexec '${process.execPath}' '${CLI}' "$@"\n`

interface Claims {
  readonly [name: string]: unknown
}

export class TutorialScene {
  /** Where the commands run, and the server keeps its files. */
  readonly folder = mkdtempSync(join(tmpdir(), 'tutorial-'))
  private readonly terminals = new Map<string, Terminal>()
  private readonly bootstrapServers: string
  /** The example's file. */
  private file = ''
  private port = 0

  private constructor(bootstrapServers: string) {
    this.bootstrapServers = bootstrapServers
  }

  static async open(bootstrapServers: string): Promise<TutorialScene> {
    const scene = new TutorialScene(bootstrapServers)
    writeFileSync(join(scene.folder, 'npx'), NPX)
    chmodSync(join(scene.folder, 'npx'), 0o755)
    // As at a terminal, where curl shows no progress because the response is shown.
    writeFileSync(join(scene.folder, '.curlrc'), 'no-progress-meter\n')
    return scene
  }

  /** Topics that the streams of the example's file name. */
  async topics(): Promise<string[]> {
    const { default: config } = await import(pathToFileURL(this.file).href)
    const streams: { topic: string; topics?: string[] }[] = config.streams
    return [...new Set(streams.flatMap(({ topic, topics }) => topics ?? [topic]))]
  }

  /** Where the server listens, once its block was played. */
  get url(): string {
    return `https://localhost:${this.port}`
  }

  async play({ language, terminal, text }: TutorialBlock): Promise<void> {
    if (language === 'js') this.write(text)
    else if (language === 'json') this.terminal(terminal ?? '').claims = JSON.parse(text)
    else if (language === 'text') await this.terminal(terminal ?? '').prints(text)
    else if (language !== 'bash') throw new Error(`a block in ${language} cannot be played`)
    else if (terminal === 'server') await this.serve(text)
    else if (terminal === null) await this.run(text)
    else await this.terminal(terminal).start(this.atPort(text))
  }

  /** That no terminal of a client has printed more than the page says. */
  compareAll(): void {
    for (const [name, { printed, expected }] of this.terminals)
      if (name !== 'server') expect(printed, name).toBe(expected)
  }

  async close(): Promise<void> {
    await Promise.all([...this.terminals.values()].map((terminal) => terminal.stop()))
    rmSync(this.folder, { recursive: true })
  }

  private write(text: string): void {
    const name = /^\/\/ (\S+)\n/.exec(text)?.[1] ?? ''
    this.file = join(this.folder, name)
    writeFileSync(this.file, text)
  }

  private async serve(text: string): Promise<void> {
    const server = this.terminal('server')
    await server.start(text)
    const address = /https:\/\/localhost:(\d+)/
    await vi.waitFor(() => expect(server.printed).toMatch(address), SOON)
    this.port = Number(address.exec(server.printed)?.[1])
  }

  /** A command that runs to its end, and succeeds. */
  private async run(text: string): Promise<void> {
    const shell = new Terminal(this.folder, this.environment())
    await shell.start(`set -e\n${this.atPort(text)}`)
    expect(await shell.ended(), shell.printed).toBe(0)
  }

  private terminal(name: string): Terminal {
    const known = this.terminals.get(name) ?? new Terminal(this.folder, this.environment())
    this.terminals.set(name, known)
    return known
  }

  private atPort(text: string): string {
    return text.replaceAll(PAGE_PORT, `localhost:${this.port}`)
  }

  private environment(): Record<string, string> {
    return {
      PATH: `${this.folder}:${dirname(process.execPath)}:${process.env.PATH}`,
      HOME: this.folder,
      CURL_HOME: this.folder,
      KAFKA_BOOTSTRAP_SERVERS: this.bootstrapServers,
      PORT: '0',
      ADMIN_PORT: '0',
    }
  }
}

/** A shell, in which one block runs after another. A new one ends what runs, as Ctrl-C does, and clears the screen. */
class Terminal {
  /** What the page says that it prints. */
  expected = ''
  /** Claims that the next token must have. */
  claims: Claims | null = null
  private output = ''
  private variables = ''
  private shell: ChildProcess | null = null
  private closed: Promise<unknown[]> | null = null
  private readonly folder: string
  private readonly env: Record<string, string>

  constructor(folder: string, env: Record<string, string>) {
    this.folder = folder
    this.env = env
  }

  /** As the page prints it: without heartbeats, and with a word for what differs from run to run. */
  get printed(): string {
    return alike(this.output)
  }

  async start(text: string): Promise<void> {
    await this.stop()
    this.output = ''
    this.expected = ''
    // By one pipe, so that both outputs come in the order in which they were written, as at a terminal.
    this.shell = spawn('bash', ['-c', `exec 2>&1\n${this.variables}${text}`], {
      cwd: this.folder,
      env: this.env,
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    })
    keepPrintedBy(this.shell)
    this.closed = once(this.shell, 'close')
    this.shell.stdout?.setEncoding('utf8').on('data', (part: string) => {
      this.output += part
    })
    await this.keepVariables(text)
  }

  async ended(): Promise<number> {
    const [code] = (await this.closed) ?? []
    return Number(code)
  }

  async prints(text: string): Promise<void> {
    this.expected += alike(text)
    await vi.waitFor(() => expect(this.printed.trimEnd()).toBe(this.expected.trimEnd()), SOON)
    // A command that has ended prints no line break that a block of the page has.
    this.expected = this.printed
  }

  async stop(): Promise<void> {
    const { shell } = this
    this.shell = null
    if (shell?.pid === undefined) return
    // The group is gone once all that the shell started has ended.
    if (shell.exitCode === null && shell.signalCode === null) process.kill(-shell.pid, 'SIGKILL')
    await this.closed
  }

  /** Variables that the block sets are there for the next one, and its token has the claims that the page says. */
  private async keepVariables(text: string): Promise<void> {
    const set = text.match(/^[A-Z]+=.*\n/gm)
    if (set === null) return
    this.variables = set.join('')
    if (this.claims === null) return
    const asked = spawn('bash', ['-c', `${set[0]}echo "$TOKEN"`], { cwd: this.folder, env: this.env })
    let token = ''
    asked.stdout.setEncoding('utf8').on('data', (part: string) => {
      token += part
    })
    await once(asked, 'close')
    const [, payload = ''] = keepSecret(token.trim()).split('.')
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject(this.claims)
    this.claims = null
  }
}

/** Without heartbeats and renewals. Ids of one kind are alike: sealed ones begin with byte 10, plain ones with 01. */
function alike(text: string): string {
  return text
    .replace(/^retry:\d{4}$/gm, 'retry:…')
    .replace(/^renewed\n/gm, '')
    .replace(/^:\n(?:id:.*\n)?\n/gm, '')
    .replace(/^id:E[A-P]\S{34,}$/gm, 'id:sealed')
    .replace(/^id:AQ\S*$/gm, 'id:plain')
}
