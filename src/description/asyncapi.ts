// The streams as a document of AsyncAPI 3, from the server's side: it sends the events of each stream, and takes
// renewals.

import { bracedPath } from '../config/streams/path-parameters.ts'
import type { DescribedStream } from './described-stream.ts'
import { type EventMessage, renewalMessage, sentMessages } from './events.ts'
import { TITLE } from './openapi.ts'
import { renewalOperation, streamOperation } from './operations.ts'
import type { ObjectSchema, OperationSchema } from './schema.ts'
import { securitySchemes } from './security.ts'

const HTTP_BINDING = '0.3.0'

type Json = Readonly<Record<string, unknown>>

/** A stream with the name of its channel, which is unique in the document. */
interface Channel {
  readonly id: string
  readonly stream: DescribedStream
  readonly sent: Readonly<Record<string, EventMessage>>
}

/** `version`: of the package, whose events these are. */
export function asyncApiDocument(streams: readonly DescribedStream[], version: string): Json {
  const ids = channelIds(streams)
  const channels = streams.map((stream, at) => {
    return { id: ids[at] ?? '', stream, sent: sentMessages(stream.encoding) }
  })
  const messages = Object.fromEntries(channels.flatMap(({ sent }) => Object.entries(sent)))
  const schemes = streams.flatMap(({ credentials }) => Object.entries(schemesOf(credentials)))
  return {
    asyncapi: '3.0.0',
    info: {
      title: TITLE,
      version,
      description:
        'Server-sent events over HTTP. An event has the id of the position after it, by which a client that was cut ' +
        'off goes on.',
    },
    channels: Object.fromEntries(channels.map((channel) => [channel.id, channelOf(channel)])),
    operations: Object.fromEntries(channels.flatMap(operationsOf)),
    components: {
      messages: { ...messages, renewal: renewalMessage() },
      securitySchemes: Object.fromEntries(schemes),
    },
  }
}

function channelOf({ stream, sent }: Channel): Json {
  const { path, parameters, topicParameter } = stream
  const described = (name: string) => (name === topicParameter ? { description: 'Name of a topic' } : {})
  const names = [...Object.keys(sent), 'renewal']
  return {
    address: bracedPath(path),
    messages: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }])),
    ...(parameters.length > 0 && {
      parameters: Object.fromEntries(parameters.map((name) => [name, described(name)])),
    }),
  }
}

function operationsOf({ id, stream, sent }: Channel): [id: string, operation: Json][] {
  const { credentials } = stream
  const schemes = credentials.isHosts ? [] : Object.keys(schemesOf(credentials))
  const security = (names: readonly string[]) =>
    names.map((name) => ({ $ref: `#/components/securitySchemes/${name}` }))
  const opened = operationOf(id, 'send', streamOperation(stream), Object.keys(sent))
  const renewed = operationOf(id, 'receive', renewalOperation(stream), ['renewal'])
  return [
    [`${id}.stream`, { ...opened, ...secured(security(schemes)) }],
    [`${id}.renewal`, { ...renewed, ...secured(security(schemes.filter((name) => name !== 'ticket'))) }],
  ]
}

/** None where the application authenticates, because it is not known how. */
function secured(security: readonly Json[]): { readonly security?: readonly Json[] } {
  return security.length === 0 ? {} : { security }
}

function operationOf(
  id: string,
  action: 'send' | 'receive',
  { summary, description, querystring }: OperationSchema,
  messages: readonly string[],
): Json {
  return {
    action,
    channel: { $ref: `#/channels/${id}` },
    ...{ summary, description },
    messages: messages.map((name) => ({ $ref: `#/channels/${id}/messages/${name}` })),
    bindings: { http: httpBinding(action === 'send' ? 'GET' : 'POST', querystring) },
  }
}

function httpBinding(method: string, query: ObjectSchema | undefined): Json {
  return { method, ...(query && { query }), bindingVersion: HTTP_BINDING }
}

/** AsyncAPI's `apiKey` is of brokers; the one of HTTP has another name. */
function schemesOf(credentials: DescribedStream['credentials']): Json {
  const all = Object.entries(securitySchemes(credentials))
  return Object.fromEntries(
    all.map(([name, scheme]) => [
      name,
      scheme.type === 'apiKey' ? { ...scheme, type: 'httpApiKey' } : scheme,
    ]),
  )
}

/** The letters and digits of each path; the same ones again with a number. */
function channelIds(streams: readonly DescribedStream[]): readonly string[] {
  const taken = new Set<string>()
  return streams.map(({ path }) => {
    const words = path.match(/[A-Za-z0-9_]+/g)?.join('-') ?? 'root'
    let id = words
    for (let count = 2; taken.has(id); count++) id = `${words}-${count}`
    taken.add(id)
    return id
  })
}
