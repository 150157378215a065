// What the tests of commands set for `kafka-sse serve`: ports that the system chooses, no TLS, and a Kafka that is not there.

/** Nothing listens on port 1, so Kafka is unreachable there. */
export const NO_KAFKA = '127.0.0.1:1'

/** `public.pem` is the test's to write into the folder where the command runs. */
export const SERVE_SETTINGS = {
  KAFKA_BOOTSTRAP_SERVERS: NO_KAFKA,
  JWT_ISSUER: 'https://id.acme.test',
  JWT_AUDIENCE: 'https://api.acme.test',
  JWT_KEYS: 'public.pem',
  TLS: 'off',
  HOST: '127.0.0.1',
  PORT: '0',
  ADMIN_PORT: '0',
}
