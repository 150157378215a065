// Notices that a proxy stands before the server although none is trusted: all of its clients count as one address then.

import type { FastifyInstance } from 'fastify'

/** For the log, once in a process. It quotes nothing of a request, since any client can send the header. */
export const FORWARDED_UNTRUSTED =
  'requests name their client in X-Forwarded-For, and TRUST_PROXY is not set: all clients of a proxy count as one ' +
  "address. If the header is a proxy's of yours, set TRUST_PROXY to its address or to the number of proxies"

/** Calls `tell` at the first request that has the header. */
export function noticeForwarded(app: FastifyInstance, tell: () => void): void {
  let isTold = false
  app.addHook('onRequest', async ({ headers }) => {
    if (isTold || headers['x-forwarded-for'] === undefined) return
    isTold = true
    tell()
  })
}
