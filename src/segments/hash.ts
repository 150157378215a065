// The hash of keys and of values by which streams are selected. Its seed is secret, so that a producer cannot choose
// bytes that collide.

/**
 * The hash of some bytes, 32 bits. MurmurHash3's mixing (Appleby, public domain), one byte at a time because keys are
 * short. `seed` is secret; `salt` tells apart equal bytes of different kinds.
 */
export function hashBytes(
  seed: number,
  salt: number,
  bytes: Uint8Array,
  start: number,
  length: number,
): number {
  let hash = Math.imul(seed ^ salt, 0xcc9e2d51)
  for (let i = start; i < start + length; i++) {
    hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x85ebca6b)
    hash ^= hash >>> 15
  }
  hash ^= length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
