// Python environments, each made once, with fixed versions, and kept beside the other caches.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const CLIENTS = ['httpx[http2]==0.28.1', 'httpx-sse==0.4.3', 'requests==2.34.2']
const CACHE = join(import.meta.dirname, '../../node_modules/.cache/kafka-sse')
/** Some packages have 100 MB, and other tests run beside. */
const INSTALL_TIMEOUT_MS = 300_000

/** A Python with httpx, httpx-sse and requests: its program, or why there is none. */
export function pythonWithClients(): Promise<{ program: string } | { missing: string }> {
  return pythonWith('clients', CLIENTS)
}

/** A Python with these packages, each with its version: its program, or why there is none. */
export async function pythonWith(
  name: string,
  packages: readonly string[],
): Promise<{ program: string } | { missing: string }> {
  // Other packages or versions make another environment.
  const versions = createHash('sha256').update(packages.join('\n')).digest('hex').slice(0, 12)
  const environment = join(CACHE, `python-${name}-${versions}`)
  const program = join(environment, 'bin/python')
  if (existsSync(program)) return { program }
  // Made aside, so that one which was left half way is never taken for whole. Programs in it are called by -m only.
  const unfinished = `${environment}.${process.pid}`
  try {
    await run('python3', ['-m', 'venv', unfinished])
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]
    await run(join(unfinished, 'bin/python'), install, { timeout: INSTALL_TIMEOUT_MS })
    await moveInto(unfinished, environment)
    return { program }
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    return { missing: `python3 with ${packages.join(' and ')}: ${lastLine(error)}` }
  }
}

/** Of two that were made at once, the first one stays. */
async function moveInto(unfinished: string, environment: string): Promise<void> {
  await rename(unfinished, environment).catch(async (error) => {
    if (!existsSync(environment)) throw error
    await rm(unfinished, { recursive: true })
  })
}

function lastLine(error: unknown): string {
  const { stderr = '', message } = error as Error & { stderr?: string }
  return (stderr.trim() || message).split('\n').at(-1) ?? ''
}
