// What all commands have in common: help, problems and exit codes.

import { Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { EXIT_DONE, EXIT_FAILED } from '../../../src/app/exit.ts'
import { runCommand } from '../../../src/commands/command-line.ts'
import { ConfigError } from '../../../src/config/config-error.ts'

const OPTIONS = { topic: { type: 'string' } } as const

/** A writable that keeps its text. */
function written(): { readonly output: Writable; text(): string } {
  let text = ''
  const output = new Writable({
    write(chunk, _encoding, done) {
      text += chunk
      done()
    },
  })
  return { output, text: () => text }
}

async function ran(
  args: string[],
  run: () => Promise<number> = async () => EXIT_DONE,
  options: typeof OPTIONS | Record<string, never> = OPTIONS,
) {
  const [stdout, stderr] = [written(), written()]
  const line = { help: 'kafka-sse try\n', options }
  const code = await runCommand(line, args, run, { stdout: stdout.output, stderr: stderr.output })
  return { code, stdout: stdout.text(), stderr: stderr.text() }
}

describe('a command', () => {
  test.each([[['--help']], [['-h']], [['--topic', 'events', '-h']]])(
    'prints its help for %j and does nothing else',
    async (args) => {
      const run = async () => {
        throw new Error('it ran')
      }
      expect(await ran(args, run)).toEqual({ code: 0, stdout: 'kafka-sse try\n', stderr: '' })
    },
  )

  test.each([
    [['--nope'], /^kafka-sse: Unknown option '--nope'; see kafka-sse try --help\n$/],
    [['value'], /^kafka-sse: Unexpected argument 'value'; see kafka-sse try --help\n$/],
    [['--topic'], /^kafka-sse: .*--topic.*; see kafka-sse try --help\n$/],
  ])('says that it was asked wrongly, %j', async (args, words) => {
    expect(await ran(args)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(words) })
  })

  test.each([[['--nope', '--help']], [['--help', '--nope']], [['value', '-h']]])(
    'without options prints its help wherever it is asked for, as in %j',
    async (args) => {
      expect(await ran(args, undefined, {})).toEqual({ code: 0, stdout: 'kafka-sse try\n', stderr: '' })
      expect(await ran(args)).toMatchObject({ code: 1, stdout: '' })
    },
  )

  test('ends with its own exit code', async () => {
    expect(await ran([], async () => EXIT_FAILED)).toEqual({ code: 1, stdout: '', stderr: '' })
    expect(await ran([])).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  test.each<[unknown, string]>([
    [
      new ConfigError(['PORT is wrong', 'HOST is wrong']),
      'kafka-sse: PORT is wrong\nkafka-sse: HOST is wrong\n',
    ],
    [new Error('it broke\n    at somewhere'), 'kafka-sse: it broke\n'],
    [new TypeError(''), 'kafka-sse: TypeError\n'],
    ['a text', 'kafka-sse: a text\n'],
  ])('names each problem on a line of its own, without a stack: %o', async (error, stderr) => {
    const run = () => Promise.reject(error)
    expect(await ran([], run)).toEqual({ code: 1, stdout: '', stderr })
  })
})
