// The client for browsers and Node, which is the package kafka-sse-client: `fastify-kafka-sse/client` hands it on.

export * from 'kafka-sse-client'
