// The same in CommonJS, and an app that registers what `require` gives.

const fastify = require('fastify')

const entries = {
  main: require('fastify-kafka-sse'),
  admin: require('fastify-kafka-sse/admin'),
  auth: require('fastify-kafka-sse/auth'),
  client: require('fastify-kafka-sse/client'),
  kafka: require('fastify-kafka-sse/kafka'),
  sse: require('fastify-kafka-sse/sse'),
  packageOfClient: require('kafka-sse-client'),
}

async function answer() {
  const app = fastify()
  await app.register(entries.main, {
    kafka: { bootstrapServers: '127.0.0.1:1' },
    auth: { authenticate: async () => null },
    streams: [{ path: '/events', topic: 'events' }],
  })
  const { statusCode } = await app.inject('/events')
  await app.close()
  return statusCode
}

const names = Object.entries(entries).map(([name, entry]) => [
  name,
  Object.keys(entry)
    .filter((key) => key !== '__esModule')
    .sort(),
])
answer().then((status) => console.log(JSON.stringify({ ...Object.fromEntries(names), status })))
