// Commands whose output nothing reads, as of `| head -1`, or whose disk is full. They need `npm run build`.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { CLI, CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { makeKey } from '../support/keys-and-tokens.ts'

/** Linux refuses each write to it, as if the disk were full. */
const FULL = '/dev/full'
const scene = CommandScene.open({ 'public.pem': makeKey('ES256').publicPem })
afterAll(() => scene.close())

describe('without a reader', () => {
  test.each<[string[], number]>([
    [['--help'], 0],
    [['schema'], 0],
    [['features'], 0],
    [['tail', '--help'], 0],
    [['check', '--help'], 0],
    // What it would find is not known.
    [['check'], 2],
  ])('%j ends without a word, with %i', async (args, code) => {
    const command = scene.start(args, SERVE_SETTINGS)
    command.child.stdout?.destroy()
    expect(await command.ended).toBe(code)
    expect(command.stderr).toBe('')
  })
})

describe.skipIf(!existsSync(FULL))('with a full disk', () => {
  test.each([[['--help']], [['schema']], [['check', '--only', 'configuration']]])(
    '%j says so in a line, and fails',
    async (args) => {
      const full = openSync(FULL, 'w')
      const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', full, 'pipe'] })
      closeSync(full)
      let said = ''
      child.stderr?.setEncoding('utf8').on('data', (text) => {
        said += text
      })
      const [code] = await once(child, 'close')
      expect(said).toMatch(/^kafka-sse: the output cannot be written: ENOSPC.*\n$/)
      expect(code).toBe(1)
    },
  )
})
