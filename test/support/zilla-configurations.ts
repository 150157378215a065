// Configurations of Zilla: that of the tutorial, and one that has a line of each kind that can be converted.

import type { JsonWebKey } from 'node:crypto'

/** What Zilla's own tutorial of streams with JWTs is configured by, with another key. */
export function tutorialZilla(jwk: JsonWebKey): string {
  return `---
name: tutorial
vaults:
  servers:
    type: filesystem
    options:
      keys:
        store: tls/localhost.p12
        type: pkcs12
        password: \${{env.KEYSTORE_PASSWORD}}
guards:
  tokens:
    type: jwt
    options:
      issuer: https://auth.example.com
      audience: https://api.example.com
      keys:
        - ${JSON.stringify(jwk)}
      challenge: 10
bindings:
  from_internet:
    type: tcp
    kind: server
    options:
      host: 0.0.0.0
      port:
        - 7143
    routes:
      - when:
          - port: 7143
        exit: with_tls
  with_tls:
    type: tls
    kind: server
    vault: servers
    options:
      keys:
        - localhost
      sni:
        - localhost
      alpn:
        - h2
    exit: requests
  requests:
    type: http
    kind: server
    options:
      versions:
        - h2
      authorization:
        tokens:
          credentials:
            headers:
              authorization: Bearer {credentials}
            query:
              access_token: "{credentials}"
      access-control:
        policy: cross-origin
    routes:
      - when:
          - headers:
              :scheme: https
              :path: /events
        exit: streams
      - when:
          - headers:
              :scheme: https
        exit: page
  page:
    type: http-filesystem
    kind: proxy
    routes:
      - when:
          - path: /{path}
        with:
          path: \${params.path}
        exit: files
  files:
    type: filesystem
    kind: server
    options:
      location: /var/www/
  streams:
    type: sse
    kind: server
    routes:
      - guarded:
          tokens:
            - proxy:stream
        exit: topics
  topics:
    type: sse-kafka
    kind: proxy
    routes:
      - when:
          - path: /{topic}
        exit: cache
        with:
          topic: \${params.topic}
  cache:
    type: kafka
    kind: cache_client
    exit: cache_server
  cache_server:
    type: kafka
    kind: cache_server
    options:
      bootstrap:
        - events
    exit: brokers
  brokers:
    type: kafka
    kind: client
    options:
      servers:
        - \${{env.KAFKA_BOOTSTRAP_SERVER}}
    exit: to_kafka
  to_kafka:
    type: tcp
    kind: client
telemetry:
  exporters:
    log:
      type: stdout
`
}

/** Guards, paths, filters, pages of other origins, and a Kafka with TLS and SASL. All of it can be converted. */
export const WHOLE_ZILLA = `
name: whole
guards:
  tokens:
    type: jwt
    options:
      issuer: https://login.example.com/
      audience: https://api.example.com
      roles: realm_access.roles
      identity: preferred_username
      attributes:
        org: org.id
      challenge: 30
bindings:
  tcp:
    type: tcp
    kind: server
    options: { host: 0.0.0.0, port: 7143 }
    exit: http
  http:
    type: http
    kind: server
    options:
      authorization:
        tokens:
          credentials:
            headers: { authorization: "Bearer {credentials}" }
            cookies: { __Host-token: "{credentials}" }
      access-control:
        policy: cross-origin
        allow:
          origins: [https://app.example.com]
          headers: [x-trace]
          credentials: true
    routes:
      - when:
          - headers: { ":path": "/live/*" }
        exit: sse
  sse:
    type: sse
    kind: server
    exit: topics
  topics:
    type: sse-kafka
    kind: proxy
    routes:
      - when: [{ path: "/live/orders/{customer}" }]
        guarded: { tokens: [orders:read] }
        with:
          topic: orders
          filters: [{ key: "\${params.customer}", headers: { org: "\${guarded['tokens'].attributes.org}" } }]
        exit: cache
      - when: [{ path: /live/me }]
        guarded: { tokens: [] }
        with:
          topic: notes
          filters: [{ headers: { user: "\${guarded['tokens'].identity}" } }]
        exit: cache
      - when: [{ path: "/live/topics/{topic}" }]
        guarded: { tokens: [topics:read] }
        with: { topic: "\${params.topic}", event: { id: "\${etag}" } }
        exit: cache
  cache:
    type: kafka
    kind: cache_server
    options:
      bootstrap: [news]
      topics: [{ name: prices, defaultOffset: historical }]
    exit: client
  client:
    type: kafka
    kind: client
    options:
      servers: ["one.example.com:9094", "two.example.com:9094"]
      sasl: { mechanism: scram-sha-512, username: streams, password: "\${{env.PASSWORD}}" }
    exit: tls
  tls:
    type: tls
    kind: client
    options: { trustcacerts: true, sni: [one.example.com] }
    exit: out
  out: { type: tcp, kind: client }
`
