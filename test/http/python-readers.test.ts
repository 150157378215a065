// The readers in Python of README.md, as they stand there: each shows records alone, as they were written.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { HttpScene } from '../support/http-scene.ts'
import { leaveOut } from '../support/left-out.ts'
import { pythonWithClients } from '../support/python.ts'
import { forThisTest } from '../support/scene.ts'

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const NUMBERS = [0, 1] as const
const READERS = [...README.matchAll(/^```python\n(.*?)^```/gms)].map(([, body = '']) => body)
const ADDRESS = 'https://localhost:7143/events'
/** It prints each event as a line of JSON, at once. */
const PREFACE = `import json, sys
token = sys.argv[1]
def print(*told): sys.stdout.write(json.dumps(told) + "\\n"); sys.stdout.flush()
`
const VALUES = [
  'žluťoučký kůň 🐎',
  'line ends that are none: \u2028 \u0085 \u000b \u001c',
  'one\ntwo\r\n three',
  '',
  'event:ping',
]
/** Values of that size are read within the time of a test. */
const LARGE = 'ž'.repeat(2 ** 22)
const HEARTBEATS_MS = 350
const READ_MS = 60_000

const python = await pythonWithClients()
if ('missing' in python) leaveOut('the readers in Python', python.missing)

describe.skipIf('missing' in python)('A reader in Python of the README', () => {
  const program = 'program' in python ? python.program : ''

  it('is there for httpx-sse and for requests', () => {
    expect(READERS.map((reader) => /^import .*$/m.exec(reader)?.[0])).toEqual([
      'import httpx, httpx_sse, ssl',
      'import requests',
    ])
  })

  it.each(NUMBERS)(
    'shows records, and no heartbeat, challenge or retry: number %i',
    async (which) => {
      const scene = await openScene()
      for (const value of VALUES) scene.topic.produce(value, value)
      const { child, complaint, exit } = start(READERS[which], scene, scene.token(300))
      const told: string[] = []
      createInterface(child.stdout).on('line', (line) => told.push(line))
      await haveTold(told, VALUES.length)
      scene.topic.produce(null, null) // makes no event: a heartbeat moves the position
      await setTimeout(HEARTBEATS_MS)
      scene.topic.produce(null, 'key')
      scene.topic.produce(LARGE, 'large')
      await haveTold(told, VALUES.length + 2)
      child.kill()
      await exit
      expect(await complaint).toBe('')
      const shown = told.map((line): string[] => JSON.parse(line))
      expect(shown.slice(0, -1).map(([, event, data]) => [event, data])).toEqual([
        ...VALUES.map((value) => ['message', value.replaceAll('\r\n', '\n')]),
        ['delete', 'a2V5'],
      ])
      // Not compared by expect: a difference of megabytes takes long to print.
      expect(shown.at(-1)?.[2] === LARGE).toBe(true)
      expect(new Set(shown.map(([id]) => id)).size).toBe(VALUES.length + 2)
    },
    2 * READ_MS,
  )

  it.each(NUMBERS)('tells of an answer that is no stream: number %i', async (which) => {
    const { complaint, exit } = start(READERS[which], await openScene(), 'no-token')
    expect(await complaint).toContain('401')
    expect((await exit)[0]).toBe(1)
  })

  /** Sends heartbeats all the time, and the challenge at once. */
  function openScene(): Promise<HttpScene> {
    return forThisTest(HttpScene.open({ sse: { heartbeatSeconds: 0.1, challengeSeconds: 3600 } }))
  }

  function start(reader = '', scene: HttpScene, token: string) {
    const body = reader.replace(ADDRESS, `https://localhost:${scene.port}/events`)
    expect(body).not.toBe(reader)
    const folder = mkdtempSync(join(tmpdir(), 'python-readers-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'test-ca.crt'), scene.ca ?? '')
    const child = spawn(program, ['-c', PREFACE + body, token], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return { child, complaint: text(child.stderr), exit: once(child, 'exit') }
  }
})

function haveTold(told: readonly string[], count: number): Promise<unknown> {
  return vi.waitUntil(() => told.length >= count, { timeout: READ_MS, interval: 20 })
}
