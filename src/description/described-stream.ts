// What a description tells of a stream: facts of its options that a client needs. Promise: no topic, no template and no
// claim is among them, because a description is served without a token.

import type { Encoding, Replay } from '../bus/record.ts'
import { pathParameters } from '../config/streams/path-parameters.ts'
import { topicParameter } from '../config/streams/topic-rules.ts'
import type { ResolvedOptions, ResolvedStream } from '../options.ts'

/** How a request may show who asks. */
export interface Credentials {
  /** The host application authenticates, in a way of its own. */
  readonly isHosts: boolean
  readonly queryToken: boolean
  /** Name of the cookie that may hold a token. */
  readonly cookie: string | null
  readonly tickets: boolean
}

export interface DescribedStream {
  /** The whole path in Fastify's notation. */
  readonly path: string
  /** Names of the path's parameters; `*` is one. */
  readonly parameters: readonly string[]
  /** The parameter that names a topic. */
  readonly topicParameter: string | null
  /** The scope that a token must have; null: every valid token may open the stream. */
  readonly scope: string | null
  readonly encoding: Encoding
  readonly replay: Replay
  /** What a client may choose by. */
  readonly select: readonly string[]
  readonly credentials: Credentials
}

/** `prefix`: of the app in which the stream's routes are. */
export function describedStream(
  { path, topic, scope, encoding, replay, select = [] }: ResolvedStream,
  { auth, sse }: Pick<ResolvedOptions, 'auth' | 'sse'>,
  prefix: string,
): DescribedStream {
  const whole = prefix.replace(/\/$/, '') + path
  const parameters = [...pathParameters(whole), ...(whole.endsWith('*') ? ['*'] : [])]
  const credentials = {
    isHosts: auth.authenticate !== undefined,
    queryToken: auth.queryToken,
    cookie: auth.cookie,
    tickets: sse.tickets,
  }
  return {
    ...{ path: whole, parameters, topicParameter: topicParameter(topic) },
    ...{ scope, encoding, replay, select, credentials },
  }
}
