// .kafka-sse/broker.json: the address of a folder's embedded broker, for the other commands in that folder.

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

/** Address of this folder's broker; null if none answers, for example because the file is stale. */
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

/** Does nothing if another broker has written the file since. */
export async function removeBrokerFile(folder: string): Promise<void> {
  const found = await readBrokerFile(folder)
  if (found?.pid === process.pid) await rm(pathIn(folder), { force: true })
}

function pathIn(folder: string): string {
  return join(folder, '.kafka-sse', 'broker.json')
}

/** null if there is no file, or if it is not one of ours. */
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

/** Whether the process exists. If it does not, another program may have its port by now. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // EPERM: it exists, and belongs to another user.
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
    // Refused, or no answer in time.
    return false
  } finally {
    socket.destroy()
  }
}
