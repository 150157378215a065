// The settings that take effect while a process serves. What acts on one of them asks to be told of its
// changes.

import { LIMIT_SETTINGS } from '../config/stream-settings.ts'
import type { TlsContext } from '../http/listener.ts'
import type { LoggedOutcomes } from '../http/outcome-lines.ts'
import type { ServerOptions, SseOptions } from '../options.ts'

/** Limits, rates, the key of sealed ids and tickets, and what is logged. */
export const LIVE_SSE = [...LIMIT_SETTINGS, 'secretKey', 'logRefusals', 'logStreamEnds'] as const
export const LIVE_SERVER = ['connectionsMax', 'connectionsPerAddressMax', 'logLevel'] as const

/** Plain data, which structured clone keeps whole. */
export interface LiveOptions extends Pick<ServerOptions, (typeof LIVE_SERVER)[number]> {
  readonly sse: Pick<SseOptions, (typeof LIVE_SSE)[number]>
}

/** What a thread is told. */
export interface Change {
  readonly options: LiveOptions
  /** null: the one that is served stays. */
  readonly certificate: TlsContext | null
}

/** Those of one thread. */
export class LiveSettings {
  private readonly listeners: ((options: LiveOptions) => void)[] = []

  /** `listener` is called after each change, for as long as the thread lives. */
  onChange(listener: (options: LiveOptions) => void): void {
    this.listeners.push(listener)
  }

  change(options: LiveOptions): void {
    for (const listener of this.listeners) listener(options)
  }
}

/** Which outcomes are logged, as the settings are now. */
export function loggedOutcomes(sse: SseOptions, live?: LiveSettings): Readonly<LoggedOutcomes> {
  const logged = { refusals: sse.logRefusals, streamEnds: sse.logStreamEnds }
  live?.onChange(({ sse: { logRefusals, logStreamEnds } }) => {
    logged.refusals = logRefusals
    logged.streamEnds = logStreamEnds
  })
  return logged
}

/** What threads are told of the options. */
export function liveOptions({
  connectionsMax,
  connectionsPerAddressMax,
  logLevel,
  sse,
}: ServerOptions): LiveOptions {
  const picked = Object.fromEntries(LIVE_SSE.map((name) => [name, sse[name]]))
  return {
    ...{ connectionsMax, connectionsPerAddressMax, logLevel },
    sse: picked as LiveOptions['sse'], // by the list that its type is made of
  }
}

/** The options with these in place of their own. A key that the process has made for itself stays. */
export function withLive(options: ServerOptions, { sse, ...server }: LiveOptions): ServerOptions {
  const secretKey = sse.secretKey ?? options.sse.secretKey
  return { ...options, ...server, sse: { ...options.sse, ...sse, secretKey } }
}
