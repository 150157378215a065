// The embedded broker and the commands around it, as the processes that they are. Needs `npm run build`.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { spawnBroker } from '../../src/commands/broker.ts'
import { findBroker, writeBrokerFile } from '../../src/commands/broker-file.ts'
import { keepPrintedBy } from '../support/printed.ts'
import { RecordedTopic } from './recorded-topic.ts'

const COMMANDS = join(import.meta.dirname, 'commands.mjs')
const SOON = { timeout: 20_000 }
/** The test's own settings are no business of the commands. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('KAFKA')))

describe('The embedded broker', () => {
  let folder: string
  let broker: ChildProcess | null = null

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kafka-sse-embedded-'))
  })
  afterEach(async () => {
    await end('SIGTERM')
    await rm(folder, { recursive: true, force: true })
  })

  async function startBroker(...args: string[]): Promise<string> {
    broker = spawn(process.execPath, [COMMANDS, 'broker', ...args], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    keepPrintedBy(broker)
    const [line] = await once(broker.stdout ?? broker, 'data')
    return String(line)
  }

  async function end(signal: NodeJS.Signals): Promise<unknown> {
    const child = broker
    broker = null
    if (child === null) return
    const exit = once(child, 'exit')
    child.kill(signal)
    return (await exit)[0]
  }

  function run(args: string[], input = '', more: NodeJS.ProcessEnv = {}) {
    const running = promisify(execFile)(process.execPath, [COMMANDS, ...args], {
      cwd: folder,
      env: { ...env, ...more },
    })
    keepPrintedBy(running.child)
    running.child.stdin?.end(input)
    return running.catch((error: { stdout: string; stderr: string; code: number }) => error)
  }

  const produce = (...args: string[]) => run(['produce', ...args])

  it('is found by the commands in its folder, and what they produce is read as from any Kafka', async () => {
    expect(await startBroker()).toMatch(
      /^Kafka broker at 127\.0\.0\.1:\d+, topic events\. Ctrl-C ends it\.\n$/,
    )
    expect(await produce('--key', '1', '{ "id": 1 }')).toMatchObject({
      stdout: expect.stringMatching(/^1 record in events, partition \d, offset 0\n$/),
    })
    const short = ['-k', '1', '-t', 'events', '-H', 'why=done=yes']
    expect(await produce(...short, '--delete')).toMatchObject({ stderr: '' })
    expect(await produce('--partition', '2', '')).toMatchObject({ stderr: '' })
    await run(['produce', '-K', ':', '-Z'], 'a:one\nb:two:three\nc:\n')
    const recorded = new RecordedTopic()
    const topic = await recorded.open({ bootstrapServers: (await findBroker(folder)) ?? '' }, 'events')
    await recorded.caughtUp()
    expect(topic.notReady()).toBeNull()
    const told = recorded.records.map(({ key, value }) => `${key}=${value}`).sort()
    expect(told).toEqual(['1=null', '1={ "id": 1 }', 'a=one', 'b=two:three', 'c=null', 'null='])
    const tombstone = recorded.records.find(({ key, value }) => value === null && String(key) === '1')
    expect(tombstone?.headers).toEqual([{ name: 'why', value: Buffer.from('done=yes') }])
    const ends = await topic.watermarks(AbortSignal.timeout(10_000))
    expect([...ends.values()].reduce((total, marks) => total + (marks?.end ?? 0), 0)).toBe(6)
    await produce('live')
    await vi.waitFor(() => expect(recorded.values()).toContain('live'), SOON)
    await recorded.app.close()
  })

  it('ends with status 0 on Ctrl-C, and removes its file', async () => {
    await startBroker('--topic', 'orders', '--topic', 'events')
    expect(existsSync(join(folder, '.kafka-sse/broker.json'))).toBe(true)
    expect(await end('SIGINT')).toBe(0)
    expect(existsSync(join(folder, '.kafka-sse/broker.json'))).toBe(false)
  })

  it('runs once in a folder', async () => {
    await startBroker()
    expect(await run(['broker'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^kafka-sse: a broker is running already for this folder, at 127/),
    })
  })

  it('is not found by the file of one that was killed, nor by a file of another program', async () => {
    await startBroker()
    await end('SIGKILL')
    expect(JSON.parse(await readFile(join(folder, '.kafka-sse/broker.json'), 'utf8'))).toMatchObject({
      pid: expect.any(Number),
    })
    expect(await findBroker(folder)).toBeNull()
    await writeBrokerFile(folder, '127.0.0.1:1')
    expect(await findBroker(folder)).toBeNull()
    await writeFile(join(folder, '.kafka-sse/broker.json'), '{"address":')
    expect(await findBroker(folder)).toBeNull()
    await startBroker()
    expect(await findBroker(folder)).toMatch(/^127/)
  })

  it('is started for a demo and ends with it; one that was there before is used and stays', async () => {
    const started = await spawnBroker(folder, ['events'], COMMANDS)
    expect(await findBroker(folder)).toBe(started.address)
    const used = await spawnBroker(folder, ['events'], COMMANDS)
    expect(used.address).toBe(started.address)
    await used.close()
    expect(await findBroker(folder)).toBe(started.address)
    await started.close()
    expect(await findBroker(folder)).toBeNull()
  })

  it('outlives Ctrl-C as the child of a demo, and ends when the demo is killed', async () => {
    const script = `
      import { spawnBroker } from ${JSON.stringify(join(import.meta.dirname, '../../dist/src/commands/broker.js'))}
      await spawnBroker(process.cwd(), ['events'], ${JSON.stringify(COMMANDS)})
      console.log('started')`
    const demo = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(demo.stdout, 'data')
    const { pid } = JSON.parse(await readFile(join(folder, '.kafka-sse/broker.json'), 'utf8'))
    process.kill(pid, 'SIGINT')
    expect(await findBroker(folder)).toMatch(/^127/)
    demo.kill('SIGKILL')
    await vi.waitFor(() => expect(existsSync(join(folder, '.kafka-sse/broker.json'))).toBe(false), SOON)
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), SOON)
  })

  it.each([
    [['--delete'], '--delete needs --key'],
    [['--delete', '--key', '1', 'value'], '--delete takes no VALUE'],
    [['two', 'values'], 'takes one VALUE'],
    [['--header', 'x', 'value'], '--header x is not NAME=VALUE'],
    [['--partition', '-1', 'value'], "Option '--partition' argument is ambiguous"],
    [['--partition', '1.5', 'value'], "--partition 1.5 is not a partition's number"],
    [['--key', '1', '--key-separator', ':'], 'keep one of them'],
    [['-Z', 'value'], '--empty-deletes needs --key or --key-separator: the key to delete'],
    [['value'], 'no Kafka: set KAFKA_BOOTSTRAP_SERVERS'],
    [
      ['--bootstrap-servers', '127.0.0.1:1', 'value'],
      'no Kafka answers at 127.0.0.1:1: 127.0.0.1:1/bootstrap: ' +
        'Connect to ipv4#127.0.0.1:1 failed: Connection refused\n',
    ],
  ])('is not reached by produce %s, which says why and ends with status 1', async (args, words) => {
    expect(await produce(...args)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining(words),
    })
  })

  it('keeps a password out of what produce says', async () => {
    const config = { KAFKA_CONFIG_SASL_PASSWORD: 'hunter2', KAFKA_CONFIG_SECURITY_PROTOCOL: 'hunter2' }
    const { stdout, stderr } = await run(['produce', '-b', '127.0.0.1:1', 'value'], '', config)
    expect(stderr).toContain('SECURITY_PROTOCOL')
    expect(stdout + stderr).not.toContain('hunter2')
  })

  it('gets the lines before an unreadable one, which produce names', async () => {
    await startBroker()
    const answer = await run(['produce', '--key-separator', ':'], 'a:1\nnothing\nb:2\n')
    expect(answer).toMatchObject({ code: 1, stderr: 'kafka-sse: line 2 has no ":" in it\n' })
  })
})
