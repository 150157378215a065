// The key of sealed event ids. Promise: it stands in the options and in the keys derived from it, and nowhere else; a
// process without one of its own configuration makes one, and says once what that means.

import type { FastifyBaseLogger } from 'fastify'
import { newSecretKey, secretsOf } from '../config/secret-key.ts'
import type { ResolvedOptions } from '../options.ts'
import { SealedIds } from '../sealing/sealed-ids.ts'

type SealingOptions = Pick<ResolvedOptions, 'sse' | 'streams'>

const OWN_KEY =
  'SECRET_KEY (sse.secretKey) is not set, so this process seals event ids with a key of its own: after a restart, and ' +
  'at other replicas, clients that resume are sent everything again'

/** The options with a key, if some stream seals its ids. All threads of the process must get the same options. */
export function withSecretKey<Options extends SealingOptions>(
  options: Options,
  log: Pick<FastifyBaseLogger, 'warn'>,
): Options {
  if (!lacksSecretKey(options)) return options
  log.warn(OWN_KEY)
  return { ...options, sse: { ...options.sse, secretKey: newSecretKey() } }
}

/** Whether some stream seals its ids, and no key is set. */
export function lacksSecretKey(options: SealingOptions): boolean {
  return options.sse.secretKey === null && hasSealedIds(options)
}

/** null if no stream seals its ids. */
export function sealedIdsOf(options: SealingOptions): SealedIds | null {
  if (!hasSealedIds(options)) return null
  const { secretKey } = options.sse
  if (secretKey === null) throw new Error('streams seal their ids, and there is no key')
  return new SealedIds(secretsOf(secretKey))
}

function hasSealedIds({ streams }: SealingOptions): boolean {
  return streams.some(({ ids }) => ids === 'sealed')
}
