module fastify-kafka-sse/bench/peers/harness

go 1.25.0

require golang.org/x/sys v0.35.0
