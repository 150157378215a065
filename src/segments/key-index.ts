// The key index: finds the newest frame of each key. An open-addressing hash table in typed arrays, with 8 bytes a
// place. A JavaScript Map would take about 90 bytes a key, and a topic may well have a million keys.

import { hashBytes } from './hash.ts'
import type { Segment } from './segment.ts'
import type { EntryAt } from './segment-layout.ts'

/**
 * Segments that references can tell apart. A reference has 14 bits for the segment, 18
 * for the entry's place in words.
 */
export const SLOTS_MAX = 2 ** 14
const AT_BITS = 18
const AT_MASK = 2 ** AT_BITS - 1

/**
 * Tables that the keys are divided among. Growing one of them takes 1 ms at 5,000,000 keys, and 15 ms at 100,000,000.
 */
const SHARDS = 256
const SHARD_SHIFT = 24
const CAPACITY_MIN = 16
const LOAD_MAX = 0.7

export interface FrameAt {
  readonly segment: Segment
  readonly at: EntryAt
}

export class KeyIndex {
  /** Each is created for its first key. */
  private readonly shards = new Array<Shard | undefined>(SHARDS).fill(undefined)
  private readonly segments: readonly (Segment | undefined)[]
  private readonly seed: number

  /** `segments` by slot. `seed` is secret, so that a producer cannot choose keys that collide. */
  constructor(segments: readonly (Segment | undefined)[], seed: number) {
    this.segments = segments
    this.seed = seed
  }

  get size(): number {
    return this.shards.reduce((size, shard) => size + (shard?.used ?? 0), 0)
  }

  /** Sets the key's newest frame. Returns the frame that was the newest before, or null. */
  set(partition: number, key: Uint8Array, segment: Segment, at: EntryAt): FrameAt | null {
    const hash = hashBytes(this.seed, partition, key, 0, key.length)
    const shard = this.shard(hash)
    const place = this.find(shard, hash, partition, key)
    const previous = shard.references[place] ?? 0
    shard.put(place, hash, referenceTo(segment, at))
    return previous === 0 ? null : this.frameAt(previous)
  }

  get(partition: number, key: Uint8Array): FrameAt | null {
    const hash = hashBytes(this.seed, partition, key, 0, key.length)
    const shard = this.shard(hash)
    const reference = shard.references[this.find(shard, hash, partition, key)] ?? 0
    return reference === 0 ? null : this.frameAt(reference)
  }

  /** Deletes the key of a frame, if that frame is its newest. */
  delete(segment: Segment, at: EntryAt): void {
    const hash = this.hashAt(segment, at)
    const shard = this.shard(hash)
    const place = shard.placeOf(hash, referenceTo(segment, at))
    if (place !== null) shard.remove(place)
  }

  /** Notes the new place of a frame, if it is its key's newest. */
  move(segment: Segment, at: EntryAt, to: Segment, toAt: EntryAt): void {
    const hash = this.hashAt(segment, at)
    const shard = this.shard(hash)
    const place = shard.placeOf(hash, referenceTo(segment, at))
    if (place !== null) shard.references[place] = referenceTo(to, toAt)
  }

  /** The hash of a frame's key, without a copy of the key: thousands are removed or moved in one turn. */
  private hashAt(segment: Segment, at: EntryAt): number {
    return hashBytes(
      this.seed,
      segment.partition(at),
      segment.bytes,
      segment.keyStart(at),
      segment.keyLength(at),
    )
  }

  private shard(hash: number): Shard {
    const number = hash >>> SHARD_SHIFT
    const shard = this.shards[number] ?? new Shard()
    this.shards[number] = shard
    return shard
  }

  /** The key's place, or the free place where it belongs. */
  private find(shard: Shard, hash: number, partition: number, key: Uint8Array): number {
    let place = hash & shard.mask
    for (;;) {
      const reference = shard.references[place] ?? 0
      if (reference === 0) return place
      if (shard.hashes[place] === hash && this.holds(reference, partition, key)) return place
      place = (place + 1) & shard.mask
    }
  }

  private holds(reference: number, partition: number, key: Uint8Array): boolean {
    const { segment, at } = this.frameAt(reference)
    return segment.keyEquals(at, partition, key)
  }

  private frameAt(reference: number): FrameAt {
    const segment = this.segments[slotOf(reference)]
    if (segment === undefined) throw new RangeError(`no segment in slot ${slotOf(reference)}`)
    return { segment, at: (((reference & AT_MASK) >>> 0) - 1) * 4 }
  }
}

/**
 * One table with linear probing. A reference of 0 is a free place, because an entry's
 * place in a reference counts from 1.
 */
class Shard {
  hashes = new Uint32Array(CAPACITY_MIN)
  references = new Uint32Array(CAPACITY_MIN)
  mask = CAPACITY_MIN - 1
  used = 0

  put(place: number, hash: number, reference: number): void {
    const isNew = this.references[place] === 0
    this.hashes[place] = hash
    this.references[place] = reference
    if (!isNew) return
    this.used++
    if (this.used > LOAD_MAX * (this.mask + 1)) this.grow()
  }

  /** The place of a reference. null if the table does not have it. */
  placeOf(hash: number, reference: number): number | null {
    for (let place = hash & this.mask; this.references[place] !== 0; place = (place + 1) & this.mask) {
      if (this.references[place] === reference) return place
    }
    return null
  }

  /** Frees a place and moves back the entries that were probed past it (Knuth, TAOCP vol. 3, 6.4 algorithm R). */
  remove(place: number): void {
    let free = place
    for (let probe = (free + 1) & this.mask; this.references[probe] !== 0; probe = (probe + 1) & this.mask) {
      const home = (this.hashes[probe] ?? 0) & this.mask
      if (((probe - home) & this.mask) < ((probe - free) & this.mask)) continue
      this.hashes[free] = this.hashes[probe] ?? 0
      this.references[free] = this.references[probe] ?? 0
      free = probe
    }
    this.references[free] = 0
    this.used--
  }

  private grow(): void {
    const { hashes, references } = this
    this.mask = this.mask * 2 + 1
    this.hashes = new Uint32Array(this.mask + 1)
    this.references = new Uint32Array(this.mask + 1)
    for (let i = 0; i < references.length; i++) {
      const reference = references[i] ?? 0
      if (reference === 0) continue
      let place = (hashes[i] ?? 0) & this.mask
      while (this.references[place] !== 0) place = (place + 1) & this.mask
      this.hashes[place] = hashes[i] ?? 0
      this.references[place] = reference
    }
  }
}

function referenceTo(segment: Segment, at: EntryAt): number {
  return ((segment.slot << AT_BITS) | (at / 4 + 1)) >>> 0
}

function slotOf(reference: number): number {
  return reference >>> AT_BITS
}
