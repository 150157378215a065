// A certificate and its key that are replaced while they are read: at the start, by a signal, and by the watch.

import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { makeCertificates } from '../../../src/demo/certificates.ts'
import type { Certificate } from '../../../src/http/listener.ts'
import type { ServerOptions } from '../../../src/options.ts'
import { Reload, type Reloadable } from '../../../src/reload/reload.ts'
import { REPLACED_MS, readPair, readSettled } from '../../../src/reload/replaced-files.ts'
import { SettingsReader } from '../../../src/reload/settings-reader.ts'
import { keepSecret } from '../../support/printed.ts'
import { eventually } from '../../support/time.ts'
import { NEEDED, SettingsScene } from '../config/settings-scene.ts'

const EVERY_MS = 20
const MISFIT = 'TLS_KEY_FILE: the key in '
let pairs: { readonly cert: Buffer; readonly key: Buffer }[]

beforeAll(async () => {
  const made = await Promise.all([1, 2].map(() => makeCertificates(['localhost'], Date.now())))
  pairs = made.map(({ certificatePem, keyPem }) => ({
    cert: Buffer.from(certificatePem),
    key: Buffer.from(keepSecret(keyPem)),
  }))
})

async function open() {
  const scene = await SettingsScene.open()
  onTestFinished(() => scene.close())
  const [certFile, keyFile] = [join(scene.folder, 'tls.crt'), join(scene.folder, 'tls.key')]
  const { TLS: _, ...needed } = NEEDED
  const env = { ...needed, TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile }
  const place = (cert: number, key: number) => {
    writeFileSync(certFile, pairs[cert]?.cert ?? '')
    writeFileSync(keyFile, pairs[key]?.key ?? '')
  }
  place(0, 0)
  const read = vi.fn(() => scene.parse(env))
  return { files: { certFile, keyFile }, place, read }
}

describe('a certificate and a key', () => {
  it.each<[string, (scene: Awaited<ReturnType<typeof open>>) => void]>([
    ['the key comes later', ({ place }) => place(1, 0)],
    ['the certificate comes later', ({ place }) => place(0, 1)],
    ['one is away for a moment', ({ files }) => rmSync(files.keyFile)],
  ])('that are being replaced end no start: %s', async (_, begin) => {
    const scene = await open()
    const { files, place, read } = scene
    begin(scene)
    const settings = await readSettled(() => read().finally(() => place(1, 1)))
    expect([settings.tls, read.mock.calls.length]).toEqual([files, 2])
    begin(scene)
    const pair = readPair(files)
    await pause(REPLACED_MS / 4)
    place(1, 1)
    expect(await pair).toEqual(pairs[1])
  })

  it('that do not belong together are read twice, and then refused', async () => {
    const { files, place, read } = await open()
    place(1, 0)
    await expect(readSettled(read)).rejects.toThrow(MISFIT)
    expect(read).toHaveBeenCalledTimes(2)
    await expect(readPair(files)).rejects.toThrow('TLS_CERT_FILE and TLS_KEY_FILE do not belong together')
  })

  it('are no reason to read settings twice that are wrong otherwise', async () => {
    const read = vi.fn(async (): Promise<ServerOptions> => {
      throw new Error('HOST: is wrong')
    })
    await expect(readSettled(read)).rejects.toThrow('HOST: is wrong')
    expect(read).toHaveBeenCalledTimes(1)
  })

  it('that are replaced slowly are told as they do not fit, and served once they do, without a signal', async () => {
    const { files, place, read } = await open()
    const options = await read()
    const problems: string[] = []
    const [first = null] = pairs
    const app: Reloadable & { certificate: Certificate | null } = {
      certificate: first,
      log: { info: () => {}, warn: () => {}, error: ({ problem }) => void problems.push(problem) },
      logFrom: () => {},
      reload: async (_, certificate) => {
        if (certificate !== null) app.certificate = certificate
      },
    }
    const reload = new Reload(app, options)
    const watched = { read: () => readSettled(read), files: Object.values(files), everyMs: EVERY_MS }
    const reader = new SettingsReader(watched)
    onTestFinished(() => reader.close())
    const taken = new Promise<void>((resolve) => {
      reader.feed.passTo((reading) => void reload.take(reading).then(resolve))
    })
    reader.again('SIGHUP') // from then on a change is seen
    await taken
    place(1, 0)
    await eventually(() => expect(problems).toEqual([expect.stringContaining(MISFIT)]))
    expect(app.certificate).toEqual(pairs[0])
    place(1, 1)
    await eventually(() => expect(app.certificate).toEqual(pairs[1]))
    expect(problems).toHaveLength(1)
  })
})
