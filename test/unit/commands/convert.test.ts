// `kafka-sse convert` as a command: what goes to which output, and its exit codes.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import { convert } from '../../../src/commands/convert.ts'

/** Converts the one file, or those that are named, in a folder of its own. */
async function converted(files: Readonly<Record<string, string>>, ...names: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'convert-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const paths = [...Object.keys(files), ...names].map((name) => join(folder, name))
  const code = await convert(paths, {}, { stdout, stderr })
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') }
}

const ONE_STREAM = `
bindings:
  tcp: { type: tcp, kind: server, exit: http }
  http: { type: http, kind: server, exit: sse }
  sse: { type: sse, kind: server, exit: topics }
  topics:
    type: sse-kafka
    kind: proxy
    routes:
      - { when: [{ path: /a }], with: { topic: a }, exit: cache }
  cache: { type: kafka, kind: client, options: { servers: ["kafka:9092"] } }
`

describe('kafka-sse convert', () => {
  it('prints the file, and its notes to standard error with name and line', async () => {
    const { code, stdout, stderr } = await converted({ 'zilla.yaml': ONE_STREAM })
    expect(JSON.parse(stdout)).toMatchObject({ streams: [{ path: '/a', topic: 'a', scope: null }] })
    expect(stderr).toMatch(
      /^zilla\.yaml:4: bindings\.http: no TLS in front of it: .*\nzilla\.yaml:10: .*needs no token/,
    )
    expect(code).toBe(0)
  })

  it('ends with 1 if a stream is left out, after printing the others', async () => {
    const two = ONE_STREAM.replace(/( {6}- .*\n)/, '$1      - { when: [{ path: /b }], exit: cache }\n')
    const { code, stdout, stderr } = await converted({ 'zilla.yaml': two })
    expect(JSON.parse(stdout).streams).toHaveLength(1)
    expect(stderr).toContain(
      'zilla.yaml:11: bindings.topics.routes[1]: names no topic. The stream is left out\n',
    )
    expect(stderr).toMatch(/kafka-sse: of .*zilla\.yaml not every stream is converted\n$/)
    expect(code).toBe(1)
  })

  it.each([
    ['bad.yaml', 'a: [1', 'bad.yaml: line 1, column 6: '],
    ['empty.yaml', '', 'empty.yaml: it has no bindings, so it is no configuration of Zilla\n'],
    [
      'none.yaml',
      'bindings: { a: { type: echo, kind: server } }',
      'none.yaml: no stream over SSE could be converted: it has no tcp server (type: tcp, kind: server); its ' +
        'bindings are a (echo server)\n',
    ],
    ['large.yaml', '#'.repeat(2 ** 20 + 1), 'large.yaml: it is larger than 1048576 bytes\n'],
  ])('prints nothing but the reason for %s', async (name, text, words) => {
    const { code, stdout, stderr } = await converted({ [name]: text })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(words)
  })

  it.each([
    [
      'without an http server',
      ONE_STREAM.replace(/ {2}http: .*\n/, '').replace('exit: http', 'exit: sse'),
      [
        'bindings.sse: an http server has to stand before this sse server: it is not converted',
        'bindings.topics: no sse server leads to this sse-kafka proxy: it is not converted',
        'converted: it has no http server (type: http, kind: server); its bindings are tcp (tcp server), sse (sse ' +
          'server), topics (sse-kafka proxy), cache (kafka client)',
      ],
    ],
    [
      'whose http server is not reached',
      ONE_STREAM.replace('exit: http', 'exit: cache'),
      [
        'bindings.http: no tcp server leads to this http server',
        'no tcp server leads to the http server http',
      ],
    ],
    [
      'whose http server leads to Kafka at once',
      ONE_STREAM.replace('exit: sse', 'exit: topics'),
      [
        'an sse server has to stand before this sse-kafka proxy',
        'no http server leads to the sse server sse',
      ],
    ],
    [
      'without a stream of Kafka',
      ONE_STREAM.replace('type: sse-kafka', 'type: sse-asyncapi'),
      ['it has no sse-kafka proxy (type: sse-kafka, kind: proxy)'],
    ],
  ])('says what a file lacks %s', async (_, text, words) => {
    const { code, stdout, stderr } = await converted({ 'zilla.yaml': text })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    for (const each of words) expect(stderr).toContain(each)
    expect(stderr).not.toContain('no stream over SSE needs this http server')
  })

  it('reads standard input', async () => {
    const fromInput = async (input: Readable) => {
      const [stdout, stderr] = [new PassThrough(), new PassThrough()]
      const code = await convert(['-'], {}, { stdout, stderr }, input)
      return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') }
    }
    const { code, stdout, stderr } = await fromInput(Readable.from(ONE_STREAM.match(/.{1,7}/gs) ?? []))
    expect(JSON.parse(stdout)).toMatchObject({ streams: [{ path: '/a' }] })
    expect(stderr).toMatch(/^standard input:4: bindings\.http: no TLS/)
    expect(code).toBe(0)
    function* endless() {
      for (;;) yield '#'.repeat(65_536)
    }
    const large = await fromInput(Readable.from(endless()))
    expect(large.stderr).toBe('kafka-sse: cannot read standard input: it is larger than 1048576 bytes\n')
    const empty = await fromInput(Readable.from(['']))
    expect(empty.stderr).toMatch(/^kafka-sse: standard input: it has no bindings/)
  })

  it('prints nothing that a terminal obeys, and no line that the file has made', async () => {
    const routes = [
      '{ when: [{ path: /b }], exit: "x\\nzilla.yaml:1: all is well" }',
      '{ when: [{ path: /c }], with: { topic: "\\x9b2Jc" }, exit: cache }',
      '{ when: [{ path: /d }], with: { topic: d, filters: [{ key: "\\x9b2Jkey" }] }, exit: cache }',
    ]
    const more = routes.map((each) => `      - ${each}\n`).join('')
    const { stdout, stderr } = await converted({
      'zilla.yaml': ONE_STREAM.replace(/( {6}- .*\n)/, `$1${more}`),
    })
    expect(stdout + stderr).not.toMatch(/[^\P{Cc}\n]/u)
    expect(stderr).not.toMatch(/^zilla\.yaml:1: /m)
    expect(JSON.parse(stdout).streams).toContainEqual(
      expect.objectContaining({ path: '/d', key: '\u009b2Jkey' }),
    )
  })

  it('knows no name of a member that every object of JavaScript has', async () => {
    const options = 'servers: ["kafka:9092"], sasl: { mechanism: constructor, username: u, password: p }'
    const text = ONE_STREAM.replace(
      /exit: cache }\n {2}cache: .*/,
      `exit: cache }
  cache: { type: kafka, kind: cache_server, options: { topics: [{ name: a, constructor: 1, toString: 2 }] }, exit: k }
  k: { type: kafka, kind: client, options: { ${options} } }`,
    )
    const { stderr } = await converted({ 'zilla.yaml': text })
    expect(stderr).toContain('options.topics[0].constructor: is not converted\n')
    expect(stderr).toContain('options.topics[0].toString: is not converted\n')
    expect(stderr).toContain('sasl: this mechanism is not converted')
    expect(stderr).not.toMatch(/native code|librdkafka property/)
  })

  it.each([[[]], [['a.yaml', 'b.yaml']]])('takes one file, not %j', async (files) => {
    const { code, stderr } = await converted({}, ...files)
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'kafka-sse: one file is converted at a time; see kafka-sse convert --help\n',
    })
  })

  it('says of a file that is not there what is wrong', async () => {
    const { stderr } = await converted({}, 'zilla.yaml')
    expect(stderr).toEqual(
      expect.stringMatching(/^kafka-sse: cannot read .*zilla\.yaml: there is no such file\n$/),
    )
  })
})
