// The wall clock is set back by an hour while a thread of the server waits for a record, and none comes. librdkafka
// waits by the wall clock, so that it would wait for an hour. Needs Debian's `faketime`.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { hasPrograms } from '../support/programs.ts'
import { ServerProcess } from '../support/server-process.ts'
import { ResumingClient } from './resuming-client.ts'

const SOON = { timeout: 20_000, interval: 20 }
/** Several waits begin meanwhile. */
const AHEAD_MS = 700

const canRun = bootstrapServers !== null && hasPrograms('a wall clock that is set back', 'faketime')

/** The wall clock of a process, which a file moves. Its monotonic clock stays as it is. */
class MovedClock {
  private readonly folder = mkdtempSync(join(tmpdir(), 'clock-'))
  private readonly file = join(this.folder, 'offset')

  constructor() {
    this.moveTo('+0')
    onTestFinished(() => rmSync(this.folder, { recursive: true }))
  }

  get env(): Record<string, string> {
    const print = ['-m', '-f', '+0', 'printenv', 'LD_PRELOAD']
    return {
      LD_PRELOAD: execFileSync('faketime', print, { encoding: 'utf8' }).trim(),
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
  }

  /** What began in between waits until the clock is where it was before it was set back. */
  async setBack(): Promise<void> {
    this.moveTo('+1h')
    await pause(AHEAD_MS)
    this.moveTo('+0')
  }

  private moveTo(offset: string): void {
    writeFileSync(this.file, `${offset}\n`)
  }
}

describe.skipIf(!canRun)('a wall clock that is set back by an hour', () => {
  it.each(['a topic that is read', 'nothing that is read'])(
    'holds up no new topic, with %s',
    async (before) => {
      const kafka = new Kafka(bootstrapServers)
      onTestFinished(() => kafka.close())
      const [idle, asked] = [await kafka.createTopic(), await kafka.createTopic()]
      await kafka.produce(asked, { key: 'key', value: 'held' })
      const clock = new MovedClock()
      const byPath = { path: '/topics/:topic', topic: '{params.topic}', topics: [asked] }
      const server = await ServerProcess.open(kafka.bootstrapServers, '', {
        streams: before.startsWith('nothing') ? [byPath] : [{ path: '/events', topic: idle }, byPath],
        settings: { ...clock.env, WORKERS: '1', LOG_LEVEL: 'info' },
      })
      onTestFinished(() => server.close())
      await vi.waitFor(async () => expect(await server.metric('kafka_sse_ready')).toBe(1), SOON)
      await clock.setBack()
      const url = server.url.replace('/events', `/topics/${asked}`)
      const { text } = await server.token('+24h')
      const client = new ResumingClient({ url, ca: server.ca, token: text }, 'h2')
      onTestFinished(() => client.close())
      await vi.waitFor(() => expect(client.received).toEqual(['held']), SOON)
    },
  )
})
