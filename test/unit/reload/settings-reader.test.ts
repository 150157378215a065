// When the settings are read again: at a signal, and once files that have changed stay the same.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ConfigError } from '../../../src/config/config-error.ts'
import type { ServerOptions } from '../../../src/options.ts'
import { SettingsReader, type SettingsReading } from '../../../src/reload/settings-reader.ts'
import { eventually } from '../../support/time.ts'

const OPTIONS = { logLevel: 'info' } as ServerOptions // no more of it is read here
let folder: string
let file: string
let reader: SettingsReader | null = null
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reader-'))
  file = join(folder, 'one')
  writeFileSync(file, 'first')
})
afterEach(() => {
  reader?.close()
  rmSync(folder, { recursive: true })
})

function open(read: () => Promise<ServerOptions>, everyMs = 20): SettingsReading[] {
  const readings: SettingsReading[] = []
  reader = new SettingsReader({ read, files: [file, join(folder, 'two')], everyMs })
  reader.feed.passTo((reading) => readings.push(reading))
  return readings
}
const looks = () => new Promise((resolve) => setTimeout(resolve, 200))

describe('a reader of settings', () => {
  it('reads once for each change of a file, also for one that comes or goes', async () => {
    const readings = open(async () => OPTIONS)
    await looks()
    expect(readings).toEqual([])
    writeFileSync(file, 'second')
    await eventually(() => expect(readings).toEqual([{ occasion: 'a file has changed', options: OPTIONS }]))
    await looks()
    expect(readings).toHaveLength(1)
    writeFileSync(join(folder, 'two'), '')
    await eventually(() => expect(readings).toHaveLength(2))
    rmSync(file)
    await eventually(() => expect(readings).toHaveLength(3))
  })

  it('goes on looking when a file has become a pipe that holds nothing', async () => {
    const readings = open(async () => OPTIONS)
    await looks()
    rmSync(file)
    execFileSync('mkfifo', [file])
    await eventually(() => expect(readings).toHaveLength(1))
    writeFileSync(join(folder, 'two'), '')
    await eventually(() => expect(readings).toHaveLength(2))
    reader?.again('SIGHUP')
    await eventually(() => expect(readings).toHaveLength(3))
  })

  it('does not read while a file still changes', async () => {
    const readings = open(async () => OPTIONS, 100)
    await looks()
    let text = 'second'
    const writing = setInterval(() => {
      text += '.'
      writeFileSync(file, text)
    }, 10)
    await new Promise((resolve) => setTimeout(resolve, 500))
    clearInterval(writing)
    expect(readings).toEqual([])
    await eventually(() => expect(readings).toHaveLength(1))
  })

  it('reads at a signal even if nothing has changed, and tells each problem', async () => {
    const read = vi.fn<() => Promise<ServerOptions>>()
    const readings = open(read, 0)
    read.mockRejectedValueOnce(new ConfigError(['one', 'two']))
    reader?.again('SIGHUP')
    await eventually(() => expect(readings).toEqual([{ occasion: 'SIGHUP', problems: ['one', 'two'] }]))
    read.mockRejectedValueOnce(new Error('the disk is gone'))
    reader?.again('SIGHUP')
    await eventually(() =>
      expect(readings[1]).toEqual({ occasion: 'SIGHUP', problems: ['the disk is gone'] }),
    )
  })

  it('reads one at a time, and once more for all signals that come meanwhile', async () => {
    let finish: (options: ServerOptions) => void = () => {}
    const read = vi.fn(
      () =>
        new Promise<ServerOptions>((resolve) => {
          finish = resolve
        }),
    )
    const readings = open(read, 0)
    reader?.again('SIGHUP')
    await eventually(() => expect(read).toHaveBeenCalledTimes(1))
    for (let signal = 0; signal < 5; signal++) reader?.again('SIGHUP')
    finish(OPTIONS)
    await eventually(() => expect(read).toHaveBeenCalledTimes(2))
    finish(OPTIONS)
    await eventually(() => expect(readings).toHaveLength(2))
    await looks()
    expect(read).toHaveBeenCalledTimes(2)
  })

  it('passes nothing on once it is closed', async () => {
    const readings = open(async () => OPTIONS)
    reader?.again('SIGHUP')
    reader?.close()
    await looks()
    expect(readings).toEqual([])
  })

  it('keeps the last reading until something takes it', async () => {
    reader = new SettingsReader({ read: async () => OPTIONS, files: [file], everyMs: 20 })
    await looks()
    writeFileSync(file, 'changed while the server starts')
    await looks()
    const readings: SettingsReading[] = []
    reader.feed.passTo((reading) => readings.push(reading))
    expect(readings).toEqual([{ occasion: 'a file has changed', options: OPTIONS }])
    reader.feed.passTo(null)
    reader.feed.passTo((reading) => readings.push(reading))
    expect(readings).toHaveLength(1)
  })
})
