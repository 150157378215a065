// Readings of the settings that come while one takes effect.

import { expect, it } from 'vitest'
import type { LiveOptions } from '../../../src/reload/live-settings.ts'
import { Reload, type Reloadable } from '../../../src/reload/reload.ts'
import { NEEDED, SettingsScene } from '../config/settings-scene.ts'

it('a worker that hangs makes no queue: of the readings that wait the newest takes effect', async () => {
  const scene = await SettingsScene.open()
  const options = await scene.parse(NEEDED)
  await scene.close()
  const taken: (number | undefined)[] = []
  let answer: (() => void) | undefined
  const app: Reloadable = {
    log: { info: () => {}, warn: () => {}, error: () => {} },
    certificate: null,
    reload: ({ sse }: LiveOptions) => {
      taken.push(sse.streamsMax)
      return new Promise((resolve) => {
        answer = resolve
      })
    },
    logFrom: () => {},
  }
  const reload = new Reload(app, options)
  const readings = Array.from({ length: 1_000 }, (_, at) =>
    reload.take({
      occasion: 'SIGHUP',
      options: { ...options, sse: { ...options.sse, streamsMax: at + 1 } },
    }),
  )
  await new Promise(setImmediate)
  expect(taken).toEqual([1])
  answer?.()
  await new Promise(setImmediate)
  expect(taken).toEqual([1, 1_000])
  answer?.()
  await Promise.all(readings)
  expect(taken).toEqual([1, 1_000])
})
