// What workers are started with, as it is now: options, topics, certificate and keys of TLS tickets. Promise: a worker
// that starts later has what the others were told.

import { randomBytes } from 'node:crypto'
import { keepsFor } from '../bus/record.ts'
import { selectorsOf } from '../config/streams/stream-selectors.ts'
import { topicParameter } from '../config/streams/topic-rules.ts'
import type { Certificate, TlsContext } from '../http/listener.ts'
import type { ServerOptions } from '../options.ts'
import { type Change, type LiveOptions, withLive } from '../reload/live-settings.ts'
import type { HandedOptions } from './handover.ts'
import type { TopicName } from './messages.ts'

/** tls.createServer requires 48 bytes. */
const TICKET_KEY_BYTES = 48

export class WorkerSettings {
  handed: HandedOptions
  readonly topics: readonly TopicName[]
  /** null: plain HTTP/1.1, or nothing listens yet. */
  tls: TlsContext | null = null

  constructor(handed: HandedOptions) {
    this.handed = handed
    this.topics = namesOf(handed.options)
  }

  /** Ticket keys are others for each certificate, so that no client resumes a session of the one before. */
  useCertificate(certificate: Certificate): TlsContext {
    this.tls = { ...certificate, ticketKeys: randomBytes(TICKET_KEY_BYTES) }
    return this.tls
  }

  /** What workers that run are to be told. */
  change(live: LiveOptions, certificate: Certificate | null): Change {
    const { options, functions } = this.handed
    this.handed = { options: withLive(options, live), functions }
    return { options: live, certificate: certificate === null ? null : this.useCertificate(certificate) }
  }
}

/** Each bus that is always open once, although several streams may use it. */
function namesOf({ streams }: ServerOptions): TopicName[] {
  const named = streams.filter(({ topic }) => topicParameter(topic) === null)
  const names = named.map((stream) => ({
    name: stream.topic,
    encoding: stream.encoding,
    keeps: keepsFor(stream.replay),
    selectors: selectorsOf(stream, streams),
  }))
  return [...new Map(names.map((name) => [JSON.stringify(name), name])).values()]
}
