// Settings of our server in every bench, as environment variables.

import { AUDIENCE, ISSUER } from '../../harness/claims.mjs'

/** @param {import('../../harness/credentials.mjs').Credentials} credentials */
export function serverSettings({ certificateFile, certificateKeyFile, tokenKeyFile }, bootstrapServers) {
  return {
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_PORT: '0',
    TLS_CERT_FILE: certificateFile,
    TLS_KEY_FILE: certificateKeyFile,
    KAFKA_BOOTSTRAP_SERVERS: bootstrapServers,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    JWT_KEYS: tokenKeyFile,
  }
}
