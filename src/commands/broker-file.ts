// .kafka-sse/broker.json: where the embedded broker of a folder is, for the commands that are run beside it.

import { once } from 'node:events'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { dirname, join } from 'node:path'
import { writeAtomically } from '../demo/atomic-file.ts'
import { errorCode } from '../errors.ts'

const CONNECT_TIMEOUT_MS = 1_000

interface BrokerFile {
  /** host:port */
  address: string
  pid: number
}

/** Address of the broker that answers for this folder; null if none does, whatever a stale file says. */
export async function findBroker(folder: string): Promise<string | null> {
  const found = await readBrokerFile(folder)
  if (found === null || !isAlive(found.pid)) return null
  return (await answers(found.address)) ? found.address : null
}

export async function writeBrokerFile(folder: string, address: string): Promise<void> {
  const path = pathIn(folder)
  await mkdir(dirname(path), { recursive: true })
  await writeAtomically(path, `${JSON.stringify({ address, pid: process.pid })}\n`, 0o644)
}

/** Leaves a file alone that another broker has written since. */
export async function removeBrokerFile(folder: string): Promise<void> {
  const found = await readBrokerFile(folder)
  if (found?.pid === process.pid) await rm(pathIn(folder), { force: true })
}

function pathIn(folder: string): string {
  return join(folder, '.kafka-sse', 'broker.json')
}

/** null where there is none, and for one that nobody of us wrote. */
async function readBrokerFile(folder: string): Promise<BrokerFile | null> {
  try {
    const file: unknown = JSON.parse(await readFile(pathIn(folder), 'utf8'))
    return isBrokerFile(file) ? file : null
  } catch (error) {
    if (error instanceof SyntaxError || errorCode(error) === 'ENOENT') return null
    throw error
  }
}

function isBrokerFile(file: unknown): file is BrokerFile {
  if (typeof file !== 'object' || file === null || !('address' in file) || !('pid' in file)) return false
  return (
    typeof file.address === 'string' && /^[^:]+:\d{1,5}$/.test(file.address) && Number.isSafeInteger(file.pid)
  )
}

/** The port may belong to another program by now: only a process that still lives is asked. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives, and is another user's.
    return errorCode(error) === 'EPERM'
  }
}

async function answers(address: string): Promise<boolean> {
  const [host, port] = address.split(':')
  const socket = createConnection({ host, port: Number(port) })
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) })
    return true
  } catch {
    // Refused or silent: either way there is no broker to be had there, which is the answer.
    return false
  } finally {
    socket.destroy()
  }
}
