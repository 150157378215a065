// The demo’s keys and certificates: made, kept, renewed, and what the demo did not make.

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { writeAtomically } from '../../../src/demo/atomic-file.ts'
import { ensureDemoCredentials } from '../../../src/demo/credentials.ts'

const DAY_MS = 86_400_000
const FILES = ['private.pem', 'server.crt', 'server.key', 'test-ca.crt']
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'credentials-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const ensure = (names: string[] = [], nowMs = Date.now()) => ensureDemoCredentials({ folder, names }, nowMs)
const text = (name: string) => readFileSync(join(folder, name), 'utf8')
const certificate = (name: string) => new X509Certificate(text(name))
const texts = () => Object.fromEntries(FILES.map((name) => [name, text(name)]))

describe('an empty folder', () => {
  test('gets four files, the private ones for the owner alone, and keeps them', async () => {
    expect((await ensure()).made).toEqual([
      'made test-ca.crt, server.crt and server.key',
      'made private.pem, which signs the tokens',
    ])
    expect(readdirSync(folder).sort()).toEqual(FILES)
    const modes = FILES.map((name) => statSync(join(folder, name)).mode & 0o777)
    const shown = 0o644 & ~process.umask()
    expect(modes).toEqual([0o600, shown, 0o600, shown])
    const before = texts()
    expect((await ensure()).made).toEqual([])
    expect(texts()).toEqual(before)
  })

  test('holds no key that could sign for another name', async () => {
    await ensure()
    const ca = certificate('test-ca.crt')
    for (const name of ['server.key', 'private.pem'])
      expect(ca.checkPrivateKey(createPrivateKey(text(name)))).toBe(false)
  })
})

describe('the certificates', () => {
  test('are what browsers and OpenSSL ask for', async () => {
    await ensure()
    const [ca, server] = [certificate('test-ca.crt'), certificate('server.crt')]
    expect(ca.ca).toBe(true)
    expect(server.ca).toBe(false)
    expect(server.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
    expect(server.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(server.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
    expect(server.checkIssued(ca)).toBe(true)
    expect(server.verify(ca.publicKey)).toBe(true)
    const lifeMs = Date.parse(server.validTo) - Date.parse(server.validFrom)
    expect(lifeMs).toBeLessThan(398 * DAY_MS)
    expect(server.serialNumber).not.toBe(ca.serialNumber)
  })

  test.each(['localhost', '127.0.0.1'])('let Node connect to %s', async (host) => {
    const { caFile, certFile, keyFile } = await ensure()
    const server = createServer(
      { cert: readFileSync(certFile), key: readFileSync(keyFile) },
      (_, response) => {
        response.end('hello')
      },
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const request = get({ host, port, ca: readFileSync(caFile), family: 4, agent: false })
    const [response] = await once(request, 'response')
    response.resume()
    await once(response, 'end')
    expect(response.statusCode).toBe(200)
    server.close()
  })
})

describe('a set that is there', () => {
  test('is renewed a month before it ends, with another authority, and the tokens’ key is kept', async () => {
    await ensure()
    const before = texts()
    const endsMs = Date.parse(certificate('server.crt').validTo)
    expect((await ensure([], endsMs - 30 * DAY_MS)).made).toEqual([])
    const { made } = await ensure([], endsMs - 30 * DAY_MS + 1)
    expect(made).toHaveLength(1)
    expect(made[0]).toMatch(
      /^replaced .*, because server\.crt ends on .*: clients that trust the old test-ca\.crt must trust the new one/,
    )
    const after = texts()
    expect(after['private.pem']).toBe(before['private.pem'])
    for (const name of ['test-ca.crt', 'server.crt', 'server.key']) expect(after[name]).not.toBe(before[name])
  })

  test('is renewed for a name that it lacks, and kept for those that it has', async () => {
    await ensure()
    expect((await ensure(['kafka-sse.test'])).made[0]).toContain('server.crt is not for kafka-sse.test')
    expect(certificate('server.crt').checkHost('kafka-sse.test')).toBe('kafka-sse.test')
    expect((await ensure(['kafka-sse.test'])).made).toEqual([])
    expect((await ensure(['192.0.2.7'])).made[0]).toContain('server.crt is not for 192.0.2.7')
  })

  test.each(['test-ca.crt', 'server.crt', 'server.key'])('without %s is renewed', async (name) => {
    await ensure()
    unlinkSync(join(folder, name))
    expect((await ensure()).made[0]).toContain(`${name} is missing`)
    expect((await ensure()).made).toEqual([])
  })

  test.each([
    ['test-ca.crt', 'server.crt was not issued by test-ca.crt'],
    ['server.crt', 'server.crt was not issued by test-ca.crt'],
    ['server.key', 'server.key is not the key of server.crt'],
  ])('whose %s is of another set is reported and renewed', async (name, reason) => {
    await ensure()
    const other = text(name)
    for (const file of ['test-ca.crt', 'server.crt', 'server.key']) unlinkSync(join(folder, file))
    await ensure()
    writeFileSync(join(folder, name), other)
    expect((await ensure()).made[0]).toContain(reason)
    expect((await ensure()).made).toEqual([])
  })
})

describe('what this did not make', () => {
  test.each(FILES)('a %s that cannot be parsed is named and left alone', async (name) => {
    await ensure()
    writeFileSync(join(folder, name), 'half of a fi')
    await expect(ensure()).rejects.toThrow(`${name} is not a`)
    expect(text(name)).toBe('half of a fi')
  })

  test('a certificate that the demo did not make is named and left alone', async () => {
    await ensure()
    const foreign = rootCertificates[0] ?? ''
    writeFileSync(join(folder, 'server.crt'), foreign)
    await expect(ensure()).rejects.toThrow('server.crt was not made by kafka-sse demo')
    expect(text('server.crt')).toBe(foreign)
  })

  test('a server.key without a certificate is left alone, because its owner is unknown', async () => {
    await ensure()
    unlinkSync(join(folder, 'test-ca.crt'))
    unlinkSync(join(folder, 'server.crt'))
    await expect(ensure()).rejects.toThrow('server.key was not made by kafka-sse demo')
  })

  test('an elliptic private.pem is named', async () => {
    await ensure()
    writeFileSync(join(folder, 'private.pem'), text('server.key'))
    await expect(ensure()).rejects.toThrow('private.pem is not an RSA key of 2048 bits')
  })
})

describe('writing', () => {
  test('leaves the old file and nothing else if it fails', async () => {
    const path = join(folder, 'there')
    await writeAtomically(path, 'old', 0o600)
    await expect(writeAtomically(join(path, 'below'), 'new', 0o600)).rejects.toThrow(
      `cannot write ${path}/below: ENOTDIR`,
    )
    mkdirSync(join(folder, 'folder'))
    await expect(writeAtomically(join(folder, 'folder'), 'new', 0o600)).rejects.toThrow('/folder: EISDIR')
    expect(readdirSync(folder)).toEqual(['folder', 'there'])
    expect(text('there')).toBe('old')
  })

  test('works where an opened file has no `sync`, as in Yarn’s Plug’n’Play', async () => {
    const file = await open(join(folder, 'any'), 'w')
    await file.close()
    const sync = vi.spyOn(Object.getPrototypeOf(file), 'sync').mockImplementation(() => {
      throw new Error('Method not implemented.')
    })
    onTestFinished(() => sync.mockRestore())
    await writeAtomically(join(folder, 'there'), 'new', 0o600)
    expect(text('there')).toBe('new')
  })

  test('takes the mode with it, and ignores that of the old file', async () => {
    const path = join(folder, 'there')
    await writeAtomically(path, 'old', 0o644)
    chmodSync(path, 0o666)
    await writeAtomically(path, 'new', 0o600)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })
})
