// A Python with httpx, httpx-sse and requests, in an environment of its own that is made once and kept beside the other
// caches.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** The versions stand in the folder's name, so that others make another. */
const PACKAGES = ['httpx[http2]==0.28.1', 'httpx-sse==0.4.3', 'requests==2.34.2']
const CACHE = join(import.meta.dirname, '../../node_modules/.cache/kafka-sse')
const ENVIRONMENT = join(CACHE, 'python-httpx-0.28.1-sse-0.4.3-requests-2.34.2')
const INSTALL_TIMEOUT_MS = 90_000

/** Its program; or why there is none. */
export async function pythonWithClients(): Promise<{ program: string } | { missing: string }> {
  const program = join(ENVIRONMENT, 'bin/python')
  if (existsSync(program)) return { program }
  // Made aside, so that one which was left half way is never taken for whole. Programs in it are called by -m only.
  const unfinished = `${ENVIRONMENT}.${process.pid}`
  try {
    await run('python3', ['-m', 'venv', unfinished])
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES]
    await run(join(unfinished, 'bin/python'), install, { timeout: INSTALL_TIMEOUT_MS })
    await rename(unfinished, ENVIRONMENT)
    return { program }
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    return { missing: `python3 with ${PACKAGES.join(' and ')}: ${lastLine(error)}` }
  }
}

function lastLine(error: unknown): string {
  const { stderr = '', message } = error as Error & { stderr?: string }
  return (stderr.trim() || message).split('\n').at(-1) ?? ''
}
