// Limits the connections of a process, in total and from one address. Its threads count in shared memory, each in a row
// of its own. Promise: counting never waits, and costs the same for any number of connections.

import { addressPrefix } from '../limits/client-address.ts'
import { CELLS, cellOf } from '../limits/hashed-cell.ts'
import { type TrustedProxies, trustedProxies } from '../limits/trusted-proxies.ts'
import type { ServerOptions } from '../options.ts'

export interface ConnectionBounds {
  /** Open connections of this process. */
  readonly connectionsMax: number
  /** Of these, from one IPv4 address or one /64 of IPv6. */
  readonly connectionsPerAddressMax: number
  /** Peers that have no limit of their own, because each brings the requests of many clients. Default: none. */
  readonly isProxy?: TrustedProxies | null
}

/** Of a server's clients. */
export function connectionBounds(
  options: Pick<ServerOptions, 'connectionsMax' | 'connectionsPerAddressMax' | 'trustProxy'>,
): ConnectionBounds {
  const { connectionsMax, connectionsPerAddressMax, trustProxy } = options
  return { connectionsMax, connectionsPerAddressMax, isProxy: trustedProxies(trustProxy) }
}

/** Why a connection is refused. */
export type Excess = 'full' | 'address'

/** Words of a row: the number of all connections, then the cells. */
const ROW = 1 + CELLS
/** The shared memory that threads count in: a seed, then a row for each thread. */
export function createConnectionCounts(threads: number, seed: number): SharedArrayBuffer {
  const counts = new SharedArrayBuffer((1 + threads * ROW) * Int32Array.BYTES_PER_ELEMENT)
  new Int32Array(counts)[0] = seed
  return counts
}

/** Clears the counts of a thread that has ended. */
export function clearConnectionCounts(counts: SharedArrayBuffer, thread: number): void {
  const row = new Int32Array(counts, (1 + thread * ROW) * Int32Array.BYTES_PER_ELEMENT, ROW)
  for (let cell = 0; cell < ROW; cell++) Atomics.store(row, cell, 0)
}

export class ConnectionBudget {
  private bounds: ConnectionBounds
  private readonly counts: Int32Array
  private readonly threads: number
  private readonly thread: number

  /** `thread`: the row that this one counts in. */
  constructor(bounds: ConnectionBounds, counts: SharedArrayBuffer, thread: number) {
    this.bounds = bounds
    this.counts = new Int32Array(counts)
    this.threads = (this.counts.length - 1) / ROW
    this.thread = thread
  }

  /** Takes other limits. Open connections stay, even if they are more than that. */
  limitTo(limits: Omit<ConnectionBounds, 'isProxy'>): void {
    this.bounds = { ...this.bounds, ...limits }
  }

  /**
   * Counts one more; if a limit is reached, returns which. Threads that count at the same moment may exceed it by one
   * each.
   */
  admit(address: string): Excess | null {
    const cell = this.cellOf(address)
    const { connectionsMax, connectionsPerAddressMax, isProxy } = this.bounds
    if (this.sum(0) >= connectionsMax) return 'full'
    if (this.sum(cell) >= connectionsPerAddressMax && !isProxy?.(address, 0)) return 'address'
    this.add(cell, 1)
    return null
  }

  /** Call once for each connection that was admitted. */
  release(address: string): void {
    this.add(this.cellOf(address), -1)
  }

  private add(cell: number, change: 1 | -1): void {
    for (const at of [0, cell]) Atomics.add(this.counts, 1 + this.thread * ROW + at, change)
  }

  private sum(cell: number): number {
    let sum = 0
    for (let thread = 0; thread < this.threads; thread++)
      sum += Atomics.load(this.counts, 1 + thread * ROW + cell)
    return sum
  }

  private cellOf(address: string): number {
    return 1 + cellOf(addressPrefix(address), Number(this.counts[0]))
  }
}
