// `npm start`, then what it says to do next: a token, the stream, a record. Ends with 0 if the record came over the
// stream and Ctrl-C ended the demo. Reads the stream as the printed curl line would, because there may be no curl.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { promisify } from 'node:util'

const START_MS = 30_000
const ANSWER_MS = 15_000
const RECORD = '{ "id": 1, "name": "Hello World!"}'

// A process group of its own, as a terminal gives it: Ctrl-C goes to npm and to what npm started.
const demo = spawn('npm', ['start'], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
const ended = once(demo, 'exit')
try {
  const guide = textOf(demo.stdout, process.stdout)
  const [, url] = await guide.matches(/^ +curl .*"(https:\S+)\?access_token=/m, START_MS)
  if (url !== 'https://localhost:7143/events') throw new Error(`the stream is said to be at ${url}`)
  const { stdout: token } = await kafkaSse('token')
  const session = connect(url, { ca: readFileSync('test-ca.crt') })
  const { pathname } = new URL(url)
  const request = session.request({
    ':path': `${pathname}?access_token=${token.trim()}`,
    accept: 'text/event-stream',
  })
  const events = textOf(request)
  await events.matches(/^:ready\n\n/m, ANSWER_MS)
  await kafkaSse('produce', '--key', '1', RECORD)
  await events.matches(/^data:\{ "id": 1, "name": "Hello World!"\}\nid:\S+\n\n/m, ANSWER_MS)
  session.destroy()
} finally {
  if (demo.exitCode === null) process.kill(-demo.pid, 'SIGINT')
}
await Promise.race([ended, failAfter(ANSWER_MS, 'Ctrl-C did not end the demo')])
console.log('\nnpm start: a record went to Kafka and came over the stream')

/** What a stream has given, and a wait for it; `copy` gets all of it, too. */
function textOf(stream, copy) {
  let text = ''
  const news = []
  stream.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
    copy?.write(chunk)
    for (const look of news) look()
  })
  const matches = (pattern, timeoutMs) => {
    const found = new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(text)
        if (match !== null) resolve(match)
      }
      news.push(look)
      look()
      stream.once('error', reject)
      stream.once('end', () => reject(new Error(`ended before ${pattern} came:\n${text}`)))
    })
    return Promise.race([found, failAfter(timeoutMs, `no ${pattern} within ${timeoutMs} ms`)])
  }
  return { matches }
}

function failAfter(timeoutMs, message) {
  return new Promise((_, reject) => setTimeout(() => reject(new Error(message)), timeoutMs).unref())
}

function kafkaSse(...args) {
  return promisify(execFile)('npx', ['kafka-sse', ...args])
}
