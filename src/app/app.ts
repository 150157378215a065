// The interface of the application that the commands serve. src/app/single-thread-app.ts has it in one thread,
// src/threads/multi-thread-app.ts in several. It knows nothing of processes and signals.

import type { FastifyBaseLogger } from 'fastify'
import type { Reloadable } from '../reload/reload.ts'

export interface Ports {
  readonly port: number
  readonly adminPort: number
}

export interface App extends Reloadable {
  readonly log: FastifyBaseLogger
  /** Resolves when the application cannot go on. */
  readonly failed: Promise<void>
  /** Rejects with an error that names the file or the port that failed. */
  listen(): Promise<Ports>
  /** Readiness turns red at once; everything else goes on. */
  announceEnd(): void
  /** Refuses new streams, and ends open ones within `drainSeconds`. Readiness turns red at once. */
  drain(): Promise<void>
  /** Ends every stream at once and closes everything, within 2 s. */
  close(): Promise<void>
}
