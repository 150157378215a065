// The client, for browsers (`/client.js`) and Node 20 and later (`fastify-kafka-sse/client`): one stream that stays open.
// It answers challenges, and after whatever cut it off it comes back with a fresh token and the last event ID, so that
// every record arrives once. Its files import nothing but each other, since browsers load them as they are.

export { EventParser, type EventSink } from './event-parser.ts'
export { connect, EventStream } from './event-stream.ts'
export type * from './options.ts'
export { StreamError, type StreamErrorCode, type StreamErrorDetails } from './stream-error.ts'
