// A worker that gets messages before it serves. Needs `npm run build`.

import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseEnvironment } from '../../../src/config/parse.ts'
import { createConnectionCounts } from '../../../src/http/connection-budget.ts'
import { createRateMemory } from '../../../src/limits/rate-limits.ts'
import { Channel } from '../../../src/threads/channel.ts'
import { handOver } from '../../../src/threads/handover.ts'
import type { ToMain, ToWorker, WorkerSetup } from '../../../src/threads/messages.ts'
import type { RevocationRow } from '../../../src/token/revocations.ts'
import { SERVE_SETTINGS } from '../../support/command-process.ts'
import { sessionFor } from '../../support/streams-scene.ts'

const FILE = new URL('../../../dist/src/threads/worker.js', import.meta.url)
const RENEWAL = {
  route: '/events',
  params: '[]',
  session: sessionFor(0, { issuer: 'https://id.acme.test', subject: 'alice' }),
  granted: '',
  previousDigest: null,
}

describe('a worker that is told something before it serves', () => {
  let folder: string
  let worker: Worker
  let channel: Channel<ToWorker, ToMain>
  let listening: Promise<unknown>
  /** What was revoked before it started. */
  const pages: RevocationRow[][] = []

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'worker-'))
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const JWT_KEYS = join(folder, 'public.pem')
    writeFileSync(JWT_KEYS, publicKey.export({ type: 'spki', format: 'pem' }))
    const options = await parseEnvironment({ ...SERVE_SETTINGS, JWT_KEYS, LOG_LEVEL: 'silent' })
    const workerData: WorkerSetup = {
      handed: handOver({ ...options, streams: [] }),
      thread: 1,
      topics: [],
      descriptors: [],
      tls: null,
      connectionCounts: createConnectionCounts(1, 1),
      rateMemory: createRateMemory(),
    }
    worker = new Worker(FILE, { workerData })
    listening = new Promise((resolve) => {
      channel = new Channel<ToWorker, ToMain>(worker, {
        listening: resolve,
        report: () => {},
        revocations: () => pages.shift() ?? [],
      } as never)
    })
  })
  afterEach(async () => {
    await worker.terminate()
    rmSync(folder, { recursive: true })
  })

  it('answers once it can', async () => {
    expect(await channel.ask('renew', RENEWAL)).toEqual({ renewed: 0, others: 0 })
    await listening
  })

  it('drains what it serves', async () => {
    await channel.ask('drain', { withinMs: 0 })
    await listening
  })

  it('closes what it serves', async () => {
    await channel.ask('close', null)
    await listening
  })
})
