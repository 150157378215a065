# The server as an image. Two stages compile it; the third runs it and has no compiler.
# docker build -t fastify-kafka-sse . && docker run --env-file FILE -p 7143:7143 fastify-kafka-sse

# The base of all stages. deploy/image/pin sets it to a digest, so that builds begin with the same bytes.
ARG NODE_IMAGE=node:24-bookworm-slim

# The dependencies. Their compilation takes minutes, and is repeated only when they change.
FROM ${NODE_IMAGE} AS dependencies
# node-rdkafka compiles librdkafka. Without these headers it has no TLS, SASL or zstd, and cannot read such topics.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates g++ libcurl4-openssl-dev libsasl2-dev libssl-dev libzstd-dev make python3 zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json ./
COPY client/package.json ./client/
# Removes half a gigabyte of sources and objects that librdkafka was compiled from.
RUN npm ci --omit=dev --ignore-scripts \
 && npm rebuild node-rdkafka \
 && rm -rf node_modules/node-rdkafka/deps node_modules/node-rdkafka/build/Release/obj.target node_modules/node-rdkafka/build/deps/*.a

# The server itself: TypeScript made into JavaScript, which needs no compiler.
FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json tsconfig.json ./
COPY client/package.json client/tsconfig.json ./client/
RUN npm ci --ignore-scripts
COPY client/src ./client/src
COPY src ./src
COPY plugins ./plugins
COPY routes ./routes
RUN npm run build

FROM ${NODE_IMAGE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libcurl4 libsasl2-2 libsasl2-modules-gssapi-mit libssl3 libzstd1 zlib1g \
 && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
# Probes and scrapers come from outside the container. Port 9464 has figures, but no records.
ENV ADMIN_HOST=0.0.0.0
# After SIGTERM it is not ready but serves for this long, so that load balancers see that it is not ready.
ENV LINGER_SECONDS=5
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# node_modules has a link to it.
COPY --from=build /app/client/dist ./client/dist
COPY client/package.json ./client/
COPY package.json LICENSE ./
COPY public ./public
# The user `node`, by its number: for a name Kubernetes cannot tell that it is not root, and refuses `runAsNonRoot`.
USER 1000:1000
EXPOSE 7143 9464
# Asks whether it is live, not whether it is ready: without Kafka it is not ready, and a restart would not help.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (Number(process.env.ADMIN_PORT) || 9464) + '/health/live').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Without a shell SIGTERM reaches the server, which lingers, ends its streams within DRAIN_SECONDS and exits with 0.
ENTRYPOINT ["node", "--max-semi-space-size=4", "/app/dist/src/cli.js"]
CMD ["serve"]
