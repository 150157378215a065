// An identity provider's key set over HTTPS, as a process of its own. It is told by messages what it answers from now
// on, and says by messages where it listens and, when asked, how many requests came.

import { createServer } from 'node:https'

const MEBIBYTE = 1024 * 1024
const SLOW_MS = 1_500

/** By name: what a request gets. */
const ANSWERS = {
  good: (response, text) => response.end(text),
  slow: (response, text) => setTimeout(() => response.end(text), SLOW_MS),
  hanging: () => {},
  stopping: (response, text) => response.write(text.slice(0, 10)),
  failing: (response) => response.writeHead(500).end(),
  empty: (response) => response.end(),
  broken: (response, text) => response.end(text.slice(0, -10)),
  huge: (response, text) => response.end(text.padEnd(2 * MEBIBYTE)),
  redirecting: (response) => response.writeHead(302, { location: '/elsewhere' }).end(),
}

let told = { answer: 'good', text: '' }
let hits = 0

const [certificate, key] = process.argv.slice(2)
const server = createServer({ cert: certificate, key }, (_request, response) => {
  hits++
  ANSWERS[told.answer](response, told.text)
})
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))

process.on('message', (message) => {
  if ('answer' in message) told = message
  process.send({ hits })
})
