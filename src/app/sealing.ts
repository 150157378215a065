// The key of sealed event ids, of tickets, and of the hashes of subjects. Promise: it stands in the options and in the
// keys derived from it, and nowhere else; a process whose configuration has none makes one, and says once what that
// means to clients.

import type { FastifyBaseLogger } from 'fastify'
import { newSecretKey, secretsOf } from '../config/secret-key.ts'
import type { ResolvedOptions } from '../options.ts'
import type { SubjectHashes } from '../outcomes/subject-hashes.ts'
import type { LiveSettings } from '../reload/live-settings.ts'
import { SealedIds } from '../sealing/sealed-ids.ts'
import { SYSTEM_CLOCK } from '../stream/clock.ts'
import { SealedTickets } from '../tickets/sealed-tickets.ts'
import { type RedeemTicket, Tickets } from '../tickets/tickets.ts'

type SealingOptions = Pick<ResolvedOptions, 'sse' | 'streams'>

/** What a key of the process's own means to clients, after a restart and at other replicas. */
const OWN_KEY = {
  ids: 'clients that resume are sent everything again',
  tickets: 'tickets are refused',
}

/**
 * The options with a key. Says so if it had to be made, and some stream seals its ids or has tickets. All threads of
 * the process must get the same options.
 */
export function withSecretKey<Options extends SealingOptions>(
  options: Options,
  log: Pick<FastifyBaseLogger, 'warn'>,
): Options {
  if (options.sse.secretKey !== null) return options
  if (lacksSecretKey(options)) log.warn(ownKeyWords(options))
  return { ...options, sse: { ...options.sse, secretKey: newSecretKey() } }
}

/** Whether some stream seals its ids or has tickets, and no key is set. */
export function lacksSecretKey(options: SealingOptions): boolean {
  return options.sse.secretKey === null && (options.sse.tickets || hasSealedIds(options))
}

/** null if no stream seals its ids. */
export function sealedIdsOf(options: SealingOptions, live?: LiveSettings): SealedIds | null {
  return hasSealedIds(options) ? keptUpToDate(new SealedIds(secretsIn(options)), options, live) : null
}

/** null if they are switched off. `redeem`: once for all threads of the process. */
export function ticketsOf(
  options: SealingOptions,
  redeem: RedeemTicket,
  live?: LiveSettings,
): Tickets | null {
  if (!options.sse.tickets) return null
  const sealed = keptUpToDate(new SealedTickets(secretsIn(options)), options, live)
  return new Tickets({ sealed, redeem, epochMs: SYSTEM_CLOCK.epochMs })
}

/** Without a key they keep their own. */
export function keySubjects(
  subjects: SubjectHashes,
  options: Pick<SealingOptions, 'sse'>,
  live?: LiveSettings,
): void {
  if (options.sse.secretKey !== null) subjects.replace(secretsIn(options))
  keptUpToDate(subjects, options, live)
}

/** What is made with the key gets each other one that the settings are given later. */
export function keptUpToDate<User extends { replace(secrets: readonly Uint8Array[]): void }>(
  user: User,
  { sse }: Pick<SealingOptions, 'sse'>,
  live: LiveSettings | undefined,
): User {
  let used = sse.secretKey
  live?.onChange(({ sse: { secretKey } }) => {
    if (secretKey === null || secretKey === used) return
    used = secretKey
    user.replace(secretsOf(secretKey))
  })
  return user
}

function secretsIn({ sse }: Pick<SealingOptions, 'sse'>): readonly Uint8Array[] {
  if (sse.secretKey === null) throw new Error('there is something to seal, and no key')
  return secretsOf(sse.secretKey)
}

function ownKeyWords(options: SealingOptions): string {
  const meanings = [
    ...(hasSealedIds(options) ? [OWN_KEY.ids] : []),
    ...(options.sse.tickets ? [OWN_KEY.tickets] : []),
  ]
  return (
    'SECRET_KEY (sse.secretKey) is not set, so this process uses a key of its own: after a restart, and at other ' +
    `replicas, ${meanings.join(', and ')}`
  )
}

function hasSealedIds({ streams }: SealingOptions): boolean {
  return streams.some(({ ids }) => ids === 'sealed')
}
