// Settings of a server process, which the plugin does not have: listening, TLS, connections, threads and logs.

import type { ResolvedOptions, ServerOptions } from '../options.ts'
import { THREADS_MAX } from '../segments/segment-layout.ts'
import type { Setting } from './setting.ts'
import { ONLY_STREAM } from './streams/single-stream-settings.ts'

const SWITCH = ['on', 'off']
/** Each worker has a word in every segment, in which it counts itself as a reader (src/segments/segment-view.ts). */
export const WORKERS_MAX = THREADS_MAX - 1

/** TLS has three settings here, and is one object in ServerOptions. */
export type ServerSettingName =
  | Exclude<keyof ServerOptions, keyof ResolvedOptions | 'demo' | 'configModule'>
  | 'tlsCertFile'
  | 'tlsKeyFile'
  | 'demoTokens'

export const SERVER_SETTINGS: Record<ServerSettingName, Setting> = {
  host: {
    type: 'string',
    env: 'HOST',
    description:
      'Name or address to listen at; `localhost` stands for IPv4 and IPv6. The default of `demo` is localhost',
    expects: 'a host name or an address',
    pattern: '^[A-Za-z0-9_.:%-]{1,255}$',
    default: '0.0.0.0',
  },
  port: port('PORT', 'Port of the streams. 0: the operating system chooses one', 7143),
  adminHost: {
    type: 'string',
    env: 'ADMIN_HOST',
    description: 'Address of health, metrics and status, which require no token',
    expects: 'a host name or an address',
    pattern: '^[A-Za-z0-9_.:%-]{1,255}$',
    default: '127.0.0.1',
  },
  adminPort: port('ADMIN_PORT', 'Port of health, metrics and status', 9464),
  adminHosts: {
    type: 'array',
    env: 'ADMIN_HOSTS',
    description:
      'Host names that the admin port answers to, besides any address, `localhost` and `ADMIN_HOST`: for example the ' +
      'name of a service. A request under any other name gets 421, because it may be DNS rebinding',
    expects: 'host names separated by commas, or none',
    maxItems: 100,
    items: { type: 'string', description: 'A host name', pattern: '^[A-Za-z0-9_.-]{1,255}$' },
    default: [],
  },
  tls: {
    type: 'string',
    env: 'TLS',
    description: '`off`: plain HTTP/1.1, behind a proxy that ends TLS',
    enum: SWITCH,
    default: 'on',
  },
  tlsCertFile: {
    type: 'string',
    env: 'TLS_CERT_FILE',
    description: "PEM file: the server's certificate, then its intermediates",
    expects: 'a path',
    minLength: 1,
    maxLength: 4096,
  },
  tlsKeyFile: {
    type: 'string',
    env: 'TLS_KEY_FILE',
    description: "PEM file: the certificate's private key, without a passphrase",
    expects: 'a path',
    minLength: 1,
    maxLength: 4096,
  },
  connectionsMax: {
    type: 'integer',
    env: 'CONNECTIONS_MAX',
    description:
      'Open connections to PORT in total; further ones are closed at once. ' +
      'Each takes a file descriptor, so `ulimit -n` must be larger',
    minimum: 1,
    maximum: 1_000_000,
    default: 25_000,
  },
  connectionsPerAddressMax: {
    type: 'integer',
    env: 'CONNECTIONS_PER_ADDRESS_MAX',
    description:
      'Open connections from one IPv4 address, or from one IPv6 /64. The default does not limit them, because behind ' +
      'a load balancer all have its address. If clients connect directly, set it to some hundreds',
    minimum: 1,
    maximum: 1_000_000,
    default: 25_000,
  },
  trustProxy: {
    type: 'array',
    env: 'TRUST_PROXY',
    description:
      'Proxies that name the client in `X-Forwarded-For`, so that limits by address and the log have its address in ' +
      'place of theirs: by address and network, or by how many stand in a row. Without it all clients behind a ' +
      'proxy count as one: see [below](#behind-a-proxy)',
    expects:
      'addresses and networks such as 10.0.0.0/8, separated by commas, or a number from 1 to 20, or none',
    maxItems: 100,
    // What an entry may be is in src/limits/trusted-proxies.ts.
    items: { type: 'string', description: 'An address, a network, or a number of proxies' },
    default: [],
  },
  lingerSeconds: {
    type: 'number',
    env: 'LINGER_SECONDS',
    description:
      'Time from SIGTERM to the drain. Meanwhile readiness is red, so that load balancers see it, and everything ' +
      'else answers as before. The image sets 5',
    minimum: 0,
    maximum: 600,
    default: 0,
  },
  reloadSeconds: {
    type: 'number',
    env: 'RELOAD_SECONDS',
    description:
      'How often the files of the certificate, its key and of `NAME_FILE` settings, and `CONFIG_FILE`, are compared ' +
      'with what was read of them. What has changed is [read again](operating.md#new-settings-without-a-restart). 0: ' +
      'never, so that only SIGHUP has them read again',
    minimum: 0,
    maximum: 3600,
    default: 10,
  },
  logLevel: {
    type: 'string',
    env: 'LOG_LEVEL',
    description: 'Lowest level that is logged',
    enum: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    default: 'info',
  },
  workers: {
    type: 'integer',
    env: 'WORKERS',
    description:
      'Threads that serve the streams, on one port. 1: the main thread serves them. Default: one less than the CPU ' +
      'cores that the process may use, at least 1; with `demo` 1',
    minimum: 1,
    maximum: WORKERS_MAX,
  },
  page: {
    type: 'string',
    env: 'PAGE',
    description:
      '`on`: `/index.html` is a page that opens a stream and shows its records, for those who try the server. The ' +
      'client, `/client.js`, is always there. The default of `demo` is `on`',
    enum: SWITCH,
    default: 'off',
  },
  demoTokens: {
    type: 'string',
    env: 'DEMO_TOKENS',
    description:
      'For `demo` only: whether `POST /demo/token` issues tokens. Default: `on` if HOST is localhost, otherwise `off`',
    enum: SWITCH,
  },
}

/** The stream of a server on this machine with the defaults of all settings. */
export const LOCAL_STREAM_URL = `https://localhost:${SERVER_SETTINGS.port.default}${ONLY_STREAM.path}`

function port(env: string, description: string, fallback: number): Setting {
  return { type: 'integer', env, description, minimum: 0, maximum: 65_535, default: fallback }
}
