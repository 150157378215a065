// Every entry point, imported. Prints the names that each exports.

import * as main from 'fastify-kafka-sse'
import * as admin from 'fastify-kafka-sse/admin'
import * as auth from 'fastify-kafka-sse/auth'
import * as client from 'fastify-kafka-sse/client'
import * as kafka from 'fastify-kafka-sse/kafka'
import * as sse from 'fastify-kafka-sse/sse'
import * as packageOfClient from 'kafka-sse-client'

const entries = { main, admin, auth, client, kafka, sse, packageOfClient }
const names = Object.entries(entries).map(([name, entry]) => [name, Object.keys(entry).sort()])
console.log(JSON.stringify(Object.fromEntries(names)))
