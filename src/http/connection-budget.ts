// How many connections a process may have, in all and from one address, over all of its threads: they count in shared memory,
// each in a row of its own. Promise: a count costs the same however many connections there are, and never waits.

import { isIPv6 } from 'node:net'

export interface ConnectionBounds {
  /** Connections at once in this process. */
  readonly connectionsMax: number
  /** Of these, from one IPv4 address or one /64 of IPv6. */
  readonly connectionsPerAddressMax: number
}

/** Why a connection is not taken. */
export type Excess = 'full' | 'address'

/**
 * Addresses are counted by a hash. Two that meet in one cell count as one; of so many cells that is rare, and nobody can aim at
 * it, since the hash has a seed.
 */
const CELLS = 65_536
/** Of a row: all connections, then the cells. */
const ROW = 1 + CELLS
const FNV_PRIME = 16_777_619
/** How many different seeds there are. */
export const SEEDS = 2 ** 31

/** What the threads of a process count in: a seed, then a row for each thread. */
export function createConnectionCounts(threads: number, seed: number): SharedArrayBuffer {
  const counts = new SharedArrayBuffer((1 + threads * ROW) * Int32Array.BYTES_PER_ELEMENT)
  new Int32Array(counts)[0] = seed
  return counts
}

/** Forgets what a thread that is no more has counted. */
export function clearConnectionCounts(counts: SharedArrayBuffer, thread: number): void {
  const row = new Int32Array(counts, (1 + thread * ROW) * Int32Array.BYTES_PER_ELEMENT, ROW)
  for (let cell = 0; cell < ROW; cell++) Atomics.store(row, cell, 0)
}

export class ConnectionBudget {
  private readonly bounds: ConnectionBounds
  private readonly counts: Int32Array
  private readonly threads: number
  private readonly thread: number

  /** `thread`: the row to count in. */
  constructor(bounds: ConnectionBounds, counts: SharedArrayBuffer, thread: number) {
    this.bounds = bounds
    this.counts = new Int32Array(counts)
    this.threads = (this.counts.length - 1) / ROW
    this.thread = thread
  }

  /** Counts one more, or says why not. Two threads at once may exceed a bound by one each. */
  admit(address: string): Excess | null {
    const cell = this.cellOf(address)
    if (this.sum(0) >= this.bounds.connectionsMax) return 'full'
    if (this.sum(cell) >= this.bounds.connectionsPerAddressMax) return 'address'
    this.add(cell, 1)
    return null
  }

  /** Once for each that was admitted. */
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

  /** FNV-1a, its two halves folded. */
  private cellOf(address: string): number {
    let hash = Number(this.counts[0])
    for (const character of addressPrefix(address))
      hash = Math.imul(hash ^ character.charCodeAt(0), FNV_PRIME)
    return 1 + (((hash >>> 16) ^ hash) & (CELLS - 1))
  }
}

/** What of an address one peer cannot choose: IPv4 whole, also as IPv6 has it, and of IPv6 the first 64 bits. */
export function addressPrefix(address: string): string {
  if (!isIPv6(address)) return address
  const [bare = ''] = address.toLowerCase().split('%')
  const mapped = /^(?:::|(?:0+:){5})ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare)?.[1]
  return mapped ?? groupsOf(bare).slice(0, 4).join(':')
}

/** All eight groups, without leading zeros (RFC 4291 section 2.2). */
function groupsOf(address: string): string[] {
  const [head = '', tail] = address.split('::')
  const groups = (part: string) =>
    part
      .split(':')
      .filter((group) => group !== '')
      // An IPv4 address at the end stands for two groups; which they are is of no matter for the first four.
      .flatMap((group) => (group.includes('.') ? ['0', '0'] : [Number.parseInt(group, 16).toString(16)]))
  const [before, after] = [groups(head), groups(tail ?? '')]
  return [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after]
}
