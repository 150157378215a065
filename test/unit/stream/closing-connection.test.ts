// A connection that closes in the middle of its streams. In a process of its own, because one that spins in nghttp2
// cannot tell. Needs `npm run build`.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'

const FILE = fileURLToPath(new URL('./closing-connection.mjs', import.meta.url))
const ENDS_MS = 20_000

it('streams with bytes to send and a request without an answer hold up nothing as their connection closes', async () => {
  const child = fork(FILE, { execArgv: [] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [said] = await once(child, 'message', { signal: AbortSignal.timeout(ENDS_MS) }).catch(() => [
    'nothing',
  ])
  expect(said).toBe('alive')
}, 30_000)
