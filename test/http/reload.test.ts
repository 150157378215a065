// Settings that are read again while a real server serves: at SIGHUP, and when a file has changed. Open streams stay.
// Needs `npm run build`.

import { X509Certificate } from 'node:crypto'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Certificates, makeCertificates } from '../../src/demo/certificates.ts'
import { SubjectHashes } from '../../src/outcomes/subject-hashes.ts'
import { type CommandProcess, CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { exampleClaims, makeKey, mintToken } from '../support/keys-and-tokens.ts'
import { keepSecret } from '../support/printed.ts'
import { eventually, until } from '../support/time.ts'

const key = makeKey('ES256')
const newKey = () => keepSecret(Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url'))
let scene: CommandScene
beforeEach(() => {
  scene = CommandScene.open({ 'public.pem': key.publicPem })
})
afterEach(() => scene.close())

/** The lines of the log with these words. */
function lines(run: CommandProcess, message: string): Record<string, unknown>[] {
  return run.stdout
    .split('\n')
    .filter((line) => line.includes(`"msg":"${message}"`))
    .map((line) => JSON.parse(line))
}
const READ = 'settings read again'
const STAY = 'settings are not read again; those before stay in use'
const RESTART = 'changed settings take effect after a restart'

/** Sends SIGHUP, and resolves with the line that it leaves. */
async function reload(run: CommandProcess, message = READ): Promise<Record<string, unknown> | undefined> {
  const before = lines(run, message).length
  run.child.kill('SIGHUP')
  await eventually(() => expect(lines(run, message).length).toBeGreaterThan(before))
  return lines(run, message).at(-1)
}

const authorization = (by = key) => `Bearer ${mintToken(by)}`
const openStream = (port: number, by = key) =>
  fetch(`http://127.0.0.1:${port}/events`, { headers: { authorization: authorization(by) } })

async function certificates(ageMs = 0): Promise<Certificates> {
  const made = await makeCertificates(['localhost', '127.0.0.1'], Date.now() - ageMs)
  keepSecret(made.keyPem)
  return made
}
const endOf = (pem: string) => Date.parse(new X509Certificate(pem).validTo) / 1000
/** What an operator sees of its end. */
async function toldEnd(adminPort: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
  return Number(/^kafka_sse_certificate_end_seconds (\S+)$/m.exec(text)?.[1])
}
const fingerprintOf = (pem: string) => new X509Certificate(pem).fingerprint256

/** The fingerprint of the certificate that one connection is shown. */
function served(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '')
      socket.destroy()
    })
    socket.on('error', reject)
  })
}
/** A session that a client may resume. */
function sessionOf(port: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => socket.resume())
    socket.on('error', reject).once('session', (session) => {
      resolve(session)
      socket.destroy()
    })
  })
}
function isResumed(port: number, session: Buffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, session }, () => {
      resolve(socket.isSessionReused())
      socket.destroy()
    })
    socket.on('error', reject)
  })
}
/** Of so many connections that each of two workers has some. */
const servedOften = async (port: number) => [
  ...new Set(await Promise.all(Array.from({ length: 24 }, () => served(port)))),
]

describe.each(['1', '2'])('with WORKERS=%s', (WORKERS) => {
  const TLS = { ...SERVE_SETTINGS, TLS: 'on', TLS_CERT_FILE: 'tls.crt', TLS_KEY_FILE: 'tls.key', WORKERS }

  function place({ certificatePem, keyPem }: Certificates): void {
    scene.file('tls.crt', certificatePem)
    scene.file('tls.key', keyPem)
  }

  it('SIGHUP has another certificate served; open streams stay', async () => {
    const [old, next] = [await certificates(), await certificates(3_600_000)]
    place(old)
    const run = scene.start(['serve'], { ...TLS, HEARTBEAT_SECONDS: '0.2', RELOAD_SECONDS: '0' })
    const { port, adminPort } = await run.listening()
    expect(await servedOften(port)).toEqual([fingerprintOf(old.certificatePem)])
    expect(await toldEnd(adminPort)).toBe(endOf(old.certificatePem))
    const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
    const stream = session.request({ ':path': '/events', authorization: authorization() })
    let text = ''
    stream.setEncoding('utf8').on('data', (some) => {
      text += some
    })
    const resumable = await sessionOf(port)
    expect(await isResumed(port, resumable)).toBe(true)
    place(next)
    expect(await reload(run)).toMatchObject({
      occasion: 'SIGHUP',
      changed: ['TLS_CERT_FILE', 'TLS_KEY_FILE'],
    })
    expect(await servedOften(port)).toEqual([fingerprintOf(next.certificatePem)])
    expect(await toldEnd(adminPort)).toBe(endOf(next.certificatePem))
    // It would go on with the certificate of before.
    for (let connection = 0; connection < 6; connection++)
      expect(await isResumed(port, resumable)).toBe(false)
    text = ''
    await eventually(() => expect(text).not.toBe(''))
    expect(await reload(run)).toMatchObject({ changed: [] })
    session.destroy()
  })

  it('a key that is not that of the certificate changes nothing, and is told', async () => {
    const [old, next] = [await certificates(), await certificates()]
    place(old)
    const run = scene.start(['serve'], TLS)
    const { port } = await run.listening()
    scene.file('tls.crt', next.certificatePem)
    expect(await reload(run, STAY)).toMatchObject({
      level: 50,
      problem: 'TLS_KEY_FILE: the key in tls.key is not that of the certificate in tls.crt',
    })
    expect(await servedOften(port)).toEqual([fingerprintOf(old.certificatePem)])
    scene.file('tls.key', 'nothing of a key')
    expect(await reload(run, STAY)).toMatchObject({
      problem: 'TLS_KEY_FILE: tls.key is not a private key in PEM without a passphrase',
    })
    expect(run.stdout).not.toContain('nothing of a key')
    scene.file('tls.key', next.keyPem)
    await reload(run)
    expect(await servedOften(port)).toEqual([fingerprintOf(next.certificatePem)])
  })

  it('a certificate that has expired, and a chain that is half written, change nothing, and are told', async () => {
    const [old, next] = [await certificates(), await certificates()]
    place(old)
    const run = scene.start(['serve'], TLS)
    const { port } = await run.listening()
    const past = await makeCertificates(['localhost'], Date.now() - 3650 * 86_400_000)
    keepSecret(past.keyPem)
    place(past)
    expect(await reload(run, STAY)).toMatchObject({
      level: 50,
      problem: expect.stringMatching(/^TLS_CERT_FILE: the certificate expired at 20\d\d-.*Z$/),
    })
    place({ ...next, certificatePem: next.certificatePem + old.certificatePem.slice(0, 300) })
    expect(await reload(run, STAY)).toMatchObject({
      problem: 'TLS_CERT_FILE: a certificate behind the first in tls.crt is damaged',
    })
    expect(await servedOften(port)).toEqual([fingerprintOf(old.certificatePem)])
    place({ ...next, certificatePem: next.certificatePem + old.certificatePem })
    await reload(run)
    expect(await servedOften(port)).toEqual([fingerprintOf(next.certificatePem)])
  })

  it('a certificate that has expired at the start is served, and told', async () => {
    const past = await makeCertificates(['localhost'], Date.now() - 3650 * 86_400_000)
    keepSecret(past.keyPem)
    place(past)
    const run = scene.start(['serve'], TLS)
    const { port } = await run.listening()
    expect(await served(port)).toBe(fingerprintOf(past.certificatePem))
    const told = lines(run, 'the certificate has expired: clients refuse to connect')
    expect(told).toMatchObject([{ level: 50, endsAt: expect.stringMatching(/^20\d\d-.*Z$/) }])
  })

  it('a secret of Kubernetes, which changes by a symlink, is seen without a signal', async () => {
    const [old, next] = [await certificates(), await certificates()]
    const version = (name: string, { certificatePem, keyPem }: Certificates) => {
      mkdirSync(join(scene.folder, name))
      writeFileSync(join(scene.folder, name, 'tls.crt'), certificatePem)
      writeFileSync(join(scene.folder, name, 'tls.key'), keyPem)
    }
    version('..1', old)
    version('..2', next)
    const at = (name: string) => join(scene.folder, name)
    symlinkSync('..1', at('..data'))
    for (const file of ['tls.crt', 'tls.key']) symlinkSync(`..data/${file}`, at(file))
    const run = scene.start(['serve'], { ...TLS, RELOAD_SECONDS: '0.1' })
    const { port } = await run.listening()
    symlinkSync('..2', at('..new'))
    renameSync(at('..new'), at('..data'))
    await eventually(() =>
      expect(lines(run, READ)).toMatchObject([
        { occasion: 'a file has changed', changed: ['TLS_CERT_FILE', 'TLS_KEY_FILE'] },
      ]),
    )
    expect(await servedOften(port)).toEqual([fingerprintOf(next.certificatePem)])
    expect(lines(run, STAY)).toEqual([])
  })

  it('SECRET_KEY_FILE is rolled while streams are open', async () => {
    const [old, next] = [newKey(), newKey()]
    const SECRET_KEY_FILE = scene.file('secret', old)
    const env = { ...SERVE_SETTINGS, WORKERS, TICKETS: 'on', SECRET_KEY_FILE, HEARTBEAT_SECONDS: '0.2' }
    const run = scene.start(['serve'], env)
    const { port } = await run.listening()
    const at = `http://127.0.0.1:${port}/events`
    const ticket = async () => {
      const answer = await fetch(`${at}/ticket`, {
        method: 'POST',
        headers: { authorization: authorization() },
      })
      return ((await answer.json()) as { ticket: string }).ticket
    }
    const statusWith = async (text: string) => {
      const answer = await fetch(`${at}?ticket=${text}`)
      await answer.body?.cancel()
      return answer.status
    }
    const reader = (await openStream(port)).body?.getReader()
    /** The hash of the user whose stream has ended last. */
    const isNamedBy = (secret: string) =>
      eventually(() => {
        const subject = new SubjectHashes([Buffer.from(secret, 'base64url')]).of(String(exampleClaims().sub))
        expect(lines(run, 'stream ended').at(-1)).toMatchObject({ subject })
      })
    const [first, second] = [await ticket(), await ticket()]
    await (await openStream(port)).body?.cancel()
    await isNamedBy(old)
    scene.file('secret', `${next},${old}\n`)
    expect(await reload(run)).toMatchObject({ changed: ['SECRET_KEY'] })
    expect(await statusWith(first)).toBe(200)
    await isNamedBy(next)
    const third = await ticket()
    scene.file('secret', next)
    await reload(run)
    expect(await statusWith(second)).toBe(401)
    expect(await statusWith(third)).toBe(200)
    for (let chunk = 0; chunk < 20; chunk++) expect((await reader?.read())?.done).toBe(false)
    scene.file('secret', 'short')
    expect(String((await reload(run, STAY))?.problem)).toMatch(/^SECRET_KEY_FILE takes /)
    expect(await statusWith(await ticket())).toBe(200)
    for (const secret of [old, next, 'short']) expect(run.stdout).not.toContain(secret)
    await reader?.cancel()
  })

  it('another certificate is served while the server lingers', async () => {
    const [old, next] = [await certificates(), await certificates()]
    place(old)
    const run = scene.start(['serve'], { ...TLS, LINGER_SECONDS: '60', RELOAD_SECONDS: '0' })
    const { port } = await run.listening()
    run.child.kill('SIGTERM')
    await eventually(() => expect(lines(run, 'not ready any more')).toHaveLength(1))
    place(next)
    expect(await reload(run)).toMatchObject({ changed: ['TLS_CERT_FILE', 'TLS_KEY_FILE'] })
    expect(await servedOften(port)).toEqual([fingerprintOf(next.certificatePem)])
    expect(await run.end('SIGTERM')).toBe(0)
  })

  it('LOG_REFUSALS and LOG_STREAM_ENDS take effect, also for streams that are open', async () => {
    const LOG_REFUSALS_FILE = scene.file('refusals', 'on')
    const LOG_STREAM_ENDS_FILE = scene.file('ends', 'on')
    const env = { ...SERVE_SETTINGS, WORKERS, LOG_REFUSALS_FILE, LOG_STREAM_ENDS_FILE, RELOAD_SECONDS: '0' }
    const run = scene.start(['serve'], env)
    const { port } = await run.listening()
    const refuse = async () => {
      for (let asked = 0; asked < 12; asked++)
        expect((await openStream(port, makeKey('ES256'))).status).toBe(401)
      await pause(50) // lines wait 10 ms for others
    }
    const streams = await Promise.all(Array.from({ length: 6 }, () => openStream(port)))
    await refuse()
    expect(lines(run, 'token refused')).toHaveLength(12)
    scene.file('refusals', 'off')
    scene.file('ends', 'off')
    expect(await reload(run)).toMatchObject({
      changed: expect.arrayContaining(['LOG_REFUSALS', 'LOG_STREAM_ENDS']),
    })
    await refuse()
    expect(lines(run, 'token refused')).toHaveLength(12)
    expect(await run.end('SIGTERM')).toBe(0)
    for (const stream of streams) expect(await stream.text()).toContain(':end shutdown')
    expect(lines(run, 'stream ended')).toEqual([])
  })

  it('limits and LOG_LEVEL take effect; what needs a restart is named', async () => {
    const write = (sse: object, more: object = {}) =>
      scene.file(
        'streams.json',
        JSON.stringify({ streams: [{ path: '/events', topic: 'events' }], sse, ...more }),
      )
    const LOG_LEVEL_FILE = scene.file('level', 'info')
    const env = { ...SERVE_SETTINGS, WORKERS, CONFIG_FILE: write({}), LOG_LEVEL_FILE }
    const run = scene.start(['serve'], env)
    const { port } = await run.listening()
    const open = [await openStream(port), await openStream(port)]
    write({ streamsPerSubjectMax: 2, heartbeatSeconds: 5 }, { kafka: { topicsOpenMax: 7 } })
    expect(await reload(run)).toMatchObject({ changed: ['STREAMS_PER_SUBJECT_MAX'] })
    expect(lines(run, RESTART)).toMatchObject([
      { level: 40, settings: ['TOPICS_OPEN_MAX', 'HEARTBEAT_SECONDS'] },
    ])
    expect((await openStream(port)).status).toBe(429)
    write({ streamsPerSubjectMax: 3, failuresPerSecondPerAddressMax: 1 })
    expect(await reload(run)).toMatchObject({
      changed: ['STREAMS_PER_SUBJECT_MAX', 'JWT_FAILURES_PER_SECOND_PER_ADDRESS_MAX'],
    })
    open.push(await openStream(port))
    expect(open.map(({ status }) => status)).toEqual([200, 200, 200])
    const strangers = await Promise.all(Array.from({ length: 12 }, () => openStream(port, makeKey('ES256'))))
    // With the rate of before none of them would be.
    expect(strangers.filter(({ status }) => status === 429).length).toBeGreaterThan(6)
    const toldOf = async () => {
      const before = run.stdout.split('"level":30').length
      for (let asked = 0; asked < 12; asked++) await fetch(`http://127.0.0.1:${port}/nothing`)
      await pause(50) // lines wait 10 ms for others
      return run.stdout.split('"level":30').length - before
    }
    expect(await toldOf()).toBeGreaterThanOrEqual(12)
    scene.file('level', 'warn')
    expect(await reload(run)).toMatchObject({ level: 30, changed: ['LOG_LEVEL'] })
    await eventually(async () => expect(await toldOf()).toBe(0))
    write({ streamsPerSubjectMx: 3 })
    run.child.kill('SIGHUP')
    await until(() => lines(run, STAY).length === 1)
    expect(lines(run, STAY)[0]?.problem).toContain('streamsPerSubjectMx')
    for (const { body } of open) await body?.cancel()
  })
})
