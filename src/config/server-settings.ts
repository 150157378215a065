// Settings that only a process of its own has: where it listens, TLS and logs.

import type { ResolvedOptions, ServerOptions } from '../options.ts'
import { THREADS_MAX } from '../segments/segment-layout.ts'
import type { Setting } from './setting.ts'

const SWITCH = ['on', 'off']
/** Each has its place in every segment to count itself in (src/segments/segment-view.ts). */
export const WORKERS_MAX = THREADS_MAX - 1

/** `tls` is a switch and two files here, one object in ServerOptions. */
export type ServerSettingName =
  | Exclude<keyof ServerOptions, keyof ResolvedOptions | 'demo' | 'configModule'>
  | 'tlsCertFile'
  | 'tlsKeyFile'
  | 'demoTokens'

export const SERVER_SETTINGS: Record<ServerSettingName, Setting> = {
  host: {
    type: 'string',
    env: 'HOST',
    description: 'Name or address to listen at; `localhost` is both families. `demo` defaults to localhost',
    expects: 'a host name or an address',
    pattern: '^[A-Za-z0-9_.:%-]{1,255}$',
    default: '0.0.0.0',
  },
  port: port('PORT', 'Port of the streams; 0: the operating system chooses', 7143),
  adminHost: {
    type: 'string',
    env: 'ADMIN_HOST',
    description: 'Address of health, metrics and status, which ask for no token',
    expects: 'a host name or an address',
    pattern: '^[A-Za-z0-9_.:%-]{1,255}$',
    default: '127.0.0.1',
  },
  adminPort: port('ADMIN_PORT', 'Their port', 9464),
  adminHosts: {
    type: 'array',
    env: 'ADMIN_HOSTS',
    description:
      "Names that the admin port answers to, besides any address, `localhost` and `ADMIN_HOST`: the name of a service, say. Any other name is answered 421: another site's page could have pointed its own name here (DNS rebinding)",
    expects: 'host names separated by commas, or none',
    maxItems: 100,
    items: { type: 'string', description: 'A host name', pattern: '^[A-Za-z0-9_.-]{1,255}$' },
    default: [],
  },
  tls: {
    type: 'string',
    env: 'TLS',
    description: '`off`: plain HTTP/1.1, for a proxy that ends TLS',
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
      'Connections at once to PORT, in all; one more is closed as it comes. Each takes a file descriptor: `ulimit -n` has to be larger',
    minimum: 1,
    maximum: 1_000_000,
    default: 25_000,
  },
  connectionsPerAddressMax: {
    type: 'integer',
    env: 'CONNECTIONS_PER_ADDRESS_MAX',
    description:
      'Of these, from one address, or one /64 of IPv6. The default bounds nothing, since behind a load balancer all come from its own; where clients come by themselves, set it to some hundreds',
    minimum: 1,
    maximum: 1_000_000,
    default: 25_000,
  },
  lingerSeconds: {
    type: 'number',
    env: 'LINGER_SECONDS',
    description:
      'On SIGTERM, how long everything still answers as before, while readiness is red already, so that load balancers see it. Then the drain begins. The image sets 5',
    minimum: 0,
    maximum: 600,
    default: 0,
  },
  logLevel: {
    type: 'string',
    env: 'LOG_LEVEL',
    description: 'Least level of what is logged',
    enum: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    default: 'info',
  },
  workers: {
    type: 'integer',
    env: 'WORKERS',
    description:
      'Threads that serve the streams, on one port. 1: the main thread does. Default: one less than there are cores for the process, at least 1; with `demo` 1',
    minimum: 1,
    maximum: WORKERS_MAX,
  },
  demoTokens: {
    type: 'string',
    env: 'DEMO_TOKENS',
    description:
      'For `demo` alone: whether `POST /demo/token` hands out tokens. `on` is implied where HOST is localhost',
    enum: SWITCH,
  },
}

function port(env: string, description: string, fallback: number): Setting {
  return { type: 'integer', env, description, minimum: 0, maximum: 65_535, default: fallback }
}
