// Makes librdkafka's clients. Promise: neither a line that librdkafka logs while a client connects nor a poll while a
// producer is closed crashes the process or makes it hang.

import type { KafkaConsumer, Producer } from 'node-rdkafka'
import type { Callback } from './callback.ts'
import { rdkafka } from './native.ts'
import type { ClientProperties } from './properties.ts'

/** node-rdkafka's callbacks by event, which it hands to librdkafka before it connects, and takes back at the end. */
interface Heard {
  event: object
}

/** The native client below node-rdkafka's, as far as it starts and ends. */
export interface NativeClient {
  connect(callback: Callback<unknown>): void
  configureCallbacks(isAdded: boolean, heard: Heard): void
  disconnect(callback: Callback<unknown>): void
  /** A producer's. */
  poll?(): void
}

/** node-rdkafka's types do not describe it. */
export function nativeOf(client: { getClient(): unknown }): NativeClient {
  return client.getClient() as NativeClient
}

/** Throws, naming the property, if librdkafka does not take one. */
export function newConsumer({ global, topic }: ClientProperties): KafkaConsumer {
  return deafUntilConnected(new rdkafka.KafkaConsumer(global, topic))
}

/** Throws, naming the property, if librdkafka does not take one. */
export function newProducer({ global, topic }: ClientProperties): Producer {
  return unpolledAtItsEnd(deafUntilConnected(new rdkafka.Producer(global, topic)))
}

/**
 * librdkafka's threads wake the event loop by a handle of libuv, which node-rdkafka 3.6 makes when they already run. A
 * thread that logs a line in this moment wakes a handle that is half made: the process gets SIGSEGV, or it spins for
 * ever when the client is closed. Seen in one of 25,000 connections to a port that refuses, on two busy processors. So
 * a client hears nothing before it has the handle. What is lost are warnings about its properties, and the first
 * failure to connect, which librdkafka tells a second time: see FAILURES_HEARD in properties.ts. A client connects
 * once: a second time it would hear from the beginning.
 */
function deafUntilConnected<T extends KafkaConsumer | Producer>(client: T): T {
  const { _cb_configs: heard } = client as unknown as { readonly _cb_configs: Heard } // missing in its types
  const native = nativeOf(client)
  const { event } = heard
  heard.event = {}
  const own = native.connect
  native.connect = (callback) =>
    own.call(native, (error, value) => {
      if (!error) {
        heard.event = event
        native.configureCallbacks(true, { event })
      }
      callback(error, value)
    })
  return client
}

/**
 * A thread of libuv's pool frees librdkafka's producer, and node-rdkafka 3.6 polls it from the event loop meanwhile,
 * without a lock: what is polled may be freed already, and the process gets SIGSEGV. Seen in one of 2,000 producers
 * that were closed, where freed memory was overwritten at once. Nothing is left to be polled for: node-rdkafka flushes
 * a producer before it disconnects it, and this hands over its reports.
 */
function unpolledAtItsEnd(client: Producer): Producer {
  const native = nativeOf(client)
  const own = native.disconnect
  native.disconnect = (callback) => {
    client.setPollInterval(0)
    own.call(native, callback)
  }
  return client
}
