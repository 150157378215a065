// An immutable map of texts: a hash array mapped trie (Bagwell, "Ideal Hash Trees", 2001). A changed map shares what is
// the same with the one before, so a batch of changes costs the changes, and each map stays as it is for ever.

const BITS = 5
const MASK = 31

/** Keys of equal hash are a chain. */
interface Leaf<V> {
  readonly hash: number
  readonly key: string
  readonly value: V
  readonly next: Leaf<V> | null
}

interface Branch<V> {
  /** The batch that made it. Only that one may change it in place. */
  readonly batch: object
  /** One bit for each child that is there. */
  bitmap: number
  readonly children: Node<V>[]
}

type Node<V> = Leaf<V> | Branch<V>

/** Changes of a map by key; undefined: the key is removed. */
export type Changes<V> = ReadonlyMap<string, V | undefined>

export class PersistentMap<V> implements ReadonlyMap<string, V> {
  readonly size: number
  readonly #root: Node<V> | null

  private constructor(root: Node<V> | null, size: number) {
    this.#root = root
    this.size = size
  }

  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(null, 0)
  }

  /** This map with the changes. */
  with(changes: Changes<V>): PersistentMap<V> {
    const builder = this.builder()
    for (const [key, value] of changes) {
      if (value === undefined) builder.delete(key)
      else builder.set(key, value)
    }
    return builder.build()
  }

  /** Makes another map of this one, key by key. */
  builder(): PersistentMapBuilder<V> {
    return new PersistentMapBuilder(this.#root, this.size, (root, size) => new PersistentMap(root, size))
  }

  get(key: string): V | undefined {
    return leafOf(this.#root, hashOf(key), key)?.value
  }

  has(key: string): boolean {
    return leafOf(this.#root, hashOf(key), key) !== null
  }

  forEach(callback: (value: V, key: string, map: ReadonlyMap<string, V>) => void, thisArg?: unknown): void {
    for (const [key, value] of this) callback.call(thisArg, value, key, this)
  }

  *entries(): MapIterator<[string, V]> {
    for (const { key, value } of this.#leaves()) yield [key, value]
  }

  *keys(): MapIterator<string> {
    for (const { key } of this.#leaves()) yield key
  }

  *values(): MapIterator<V> {
    for (const { value } of this.#leaves()) yield value
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries()
  }

  *#leaves(): Generator<Leaf<V>, undefined> {
    const nodes: Node<V>[] = this.#root === null ? [] : [this.#root]
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      if (isBranch(node)) nodes.push(...node.children)
      else for (let leaf: Leaf<V> | null = node; leaf !== null; leaf = leaf.next) yield leaf
    }
  }
}

export class PersistentMapBuilder<V> {
  readonly #make: (root: Node<V> | null, size: number) => PersistentMap<V>
  #root: Node<V> | null
  #size: number
  /** Those nodes that are of no finished map. */
  #batch: object = {}

  constructor(
    root: Node<V> | null,
    size: number,
    make: (root: Node<V> | null, size: number) => PersistentMap<V>,
  ) {
    this.#root = root
    this.#size = size
    this.#make = make
  }

  set(key: string, value: V): void {
    const hash = hashOf(key)
    if (leafOf(this.#root, hash, key) === null) this.#size++
    this.#root = withLeaf(this.#root, 0, { hash, key, value, next: null }, this.#batch)
  }

  delete(key: string): void {
    const hash = hashOf(key)
    if (leafOf(this.#root, hash, key) === null) return
    this.#size--
    this.#root = withoutKey(this.#root, 0, hash, key, this.#batch)
  }

  build(): PersistentMap<V> {
    this.#batch = {}
    return this.#make(this.#root, this.#size)
  }
}

/** Unknown to those who choose keys, so that they cannot choose keys of equal hash. */
const SEED = (Math.random() * 2 ** 32) | 0

/** FNV-1a over UTF-16 units, with a seed and a last mixing, because a trie uses the lowest bits first. */
function hashOf(key: string): number {
  let hash = SEED
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 16_777_619)
  return hash ^ (hash >>> 15)
}

function leafOf<V>(root: Node<V> | null, hash: number, key: string): Leaf<V> | null {
  let node: Node<V> | null | undefined = root
  for (let shift = 0; node && isBranch(node); shift += BITS) {
    const bit = bitAt(hash, shift)
    node = node.bitmap & bit ? node.children[indexOf(node, bit)] : null
  }
  for (let leaf: Leaf<V> | null = node ?? null; leaf !== null; leaf = leaf.next) {
    if (leaf.key === key) return leaf
  }
  return null
}

function withLeaf<V>(node: Node<V> | null | undefined, shift: number, leaf: Leaf<V>, batch: object): Node<V> {
  if (!node) return leaf
  if (!isBranch(node)) {
    if (node.hash === leaf.hash) return { ...leaf, next: withoutLink(node, leaf.key) }
    const branch = { batch, bitmap: bitAt(node.hash, shift), children: [node] }
    return withLeaf<V>(branch, shift, leaf, batch)
  }
  const bit = bitAt(leaf.hash, shift)
  const index = indexOf(node, bit)
  const branch = owned(node, batch)
  if (branch.bitmap & bit) {
    branch.children[index] = withLeaf(branch.children[index], shift + BITS, leaf, batch)
  } else {
    branch.bitmap |= bit
    branch.children.splice(index, 0, leaf)
  }
  return branch
}

/** The key is there. */
function withoutKey<V>(
  node: Node<V> | null | undefined,
  shift: number,
  hash: number,
  key: string,
  batch: object,
): Node<V> | null {
  if (!node) return null
  if (!isBranch(node)) return withoutLink(node, key)
  const bit = bitAt(hash, shift)
  const index = indexOf(node, bit)
  const branch = owned(node, batch)
  const child = withoutKey(branch.children[index], shift + BITS, hash, key, batch)
  if (child !== null) branch.children[index] = child
  else {
    branch.bitmap ^= bit
    branch.children.splice(index, 1)
  }
  // A branch with one leaf is that leaf, so that a map which has shrunk is as shallow as one that never grew.
  const [only] = branch.children
  if (only === undefined) return null
  return branch.children.length === 1 && !isBranch(only) ? only : branch
}

function withoutLink<V>(leaf: Leaf<V>, key: string): Leaf<V> | null {
  if (leaf.key === key) return leaf.next
  return leaf.next === null ? leaf : { ...leaf, next: withoutLink(leaf.next, key) }
}

function owned<V>(branch: Branch<V>, batch: object): Branch<V> {
  return branch.batch === batch ? branch : { ...branch, batch, children: branch.children.slice() }
}

function isBranch<V>(node: Node<V>): node is Branch<V> {
  return 'children' in node
}

/** Leaves of equal hash never become a branch, so a shift is below 32. */
function bitAt(hash: number, shift: number): number {
  return 1 << ((hash >>> shift) & MASK)
}

function indexOf<V>({ bitmap }: Branch<V>, bit: number): number {
  return bitsIn(bitmap & (bit - 1))
}

function bitsIn(bitmap: number): number {
  let bits = bitmap - ((bitmap >>> 1) & 0x55555555)
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
