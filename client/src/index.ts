// The client for browsers (`/client.js`) and for Node 20 and later (`fastify-kafka-sse/client`). It keeps one stream
// open: it answers challenges, and reconnects with a fresh token and the last event ID, so that every record arrives
// once. Its files import only each other, because browsers load them as they are.

export { createEventParser, type EventParser, type EventSink, type ParsedEvent } from './event-parser.ts'
export { connect, type EventStream } from './event-stream.ts'
export type { LiveMapListener, LiveMapStatus } from './live-map/listeners.ts'
export { LiveMap, liveMap } from './live-map/live-map.ts'
export type { BadRecord, LiveMapOptions, MapStream, RecordEnvelope } from './live-map/live-map-options.ts'
export type { Changes } from './live-map/persistent-map.ts'
export type * from './options.ts'
export { connectShared, type SharedOptions } from './shared/connect-shared.ts'
export { StreamError, type StreamErrorCode, type StreamErrorDetails } from './stream-error.ts'
