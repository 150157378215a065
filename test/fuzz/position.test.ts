// The decoder of event ids on anything that a client could send: a corpus, and mutations of it, which a second decoder
// has to read alike, at a counted amount of work. FUZZ_SECONDS and FUZZ_SEED make a run longer, or repeat it.

import { setPriority } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { createContext, Script } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { formatEventId, parseEventId } from '../../src/bus/event-id.ts'
import type { Position } from '../../src/bus/position.ts'
import { randomOf } from '../support/random.mjs'
import { type CorpusCase, corpusOf } from './corpus.ts'
import { WorkCounter } from './counted-work.ts'
import { mutate, type Random } from './mutation.ts'
import { type Pair, type Reading, readId, writeId, writeNumber, writeText } from './reference-decoder.ts'

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 3)
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 32))
const IDS_PER_TURN = 500
/** Five hundred ids, some of at most 64 KiB, read by both decoders, however busy the machine is. */
const TURN_MS_MAX = 20_000
/** Most mutations are of short ids: thousands in a second, where there would be a hundred. */
const SHORT_LENGTH_MAX = 300
const LONG_SHARE = 0.01
/** Ids that are read are refused soon enough. */
const WHOLE_SHARE = 0.6
/** Inputs kept to be mutated further: the shortest of each kind. */
const KEPT_MAX = 2000
/** Blocks of src/bus/event-id.ts that may run for each character of an id, and for any id at all. */
const WORK_PER_CHARACTER = 4
const WORK_AT_LEAST = 60

const read = corpusOf('read')
const refused = corpusOf('refused')
const corpus = [...read, ...refused]

const texts = (cases: readonly CorpusCase[]) => cases.map(({ text }) => text)

/** Only what runs in a context of its own is ended when it does not come to an end by itself. */
function inTime<Result>(run: () => Result): Result {
  return new Script('run()').runInContext(createContext({ run }), { timeout: TURN_MS_MAX })
}

/** What is wrong with how the id is read; null where nothing is. */
function fault(text: string, expected = readId(text)): string | null {
  let position: Position | null
  try {
    position = parseEventId(text)
  } catch (error) {
    return `throws ${error}`
  }
  if (position === null) return expected.rule === 'read' ? 'refused, and an id' : null
  if (expected.rule !== 'read') return `read, and refused by the reference: ${expected.rule}`
  if (!isSame(position, expected.pairs)) return `read as ${[...position].join(' ')}`
  return faultWritten(position, expected.pairs)
}

function faultWritten(position: Position, pairs: readonly Pair[]): string | null {
  const id = formatEventId(position)
  if (id !== writeId(pairs)) return `written as ${id}`
  const again = parseEventId(id)
  if (again === null || again.size !== position.size) return `written as ${id}, which is read as another`
  const differs = [...again].some(([partition, offset]) => position.get(partition) !== offset)
  return differs ? `written as ${id}, which is read as another` : null
}

function isSame(position: Position, pairs: readonly Pair[]): boolean {
  const found = [...position]
  return (
    found.length === pairs.length &&
    found.every(([partition, offset], i) => {
      const [expectedPartition, expectedOffset] = pairs[i] ?? []
      return BigInt(partition) === expectedPartition && BigInt(offset) === expectedOffset
    })
  )
}

/** As an entry of the corpus, and the bytes that it stands for. */
function shown(text: string): string {
  const entry = JSON.stringify(text).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `${entry} (bytes ${Buffer.from(text, 'base64url').toString('hex') || 'none'})`
}

/** The shortest id that still has the fault. A long id stays as it is, because shortening it would take minutes. */
function shortest(text: string): string {
  if (text.length > 10 * SHORT_LENGTH_MAX) return text
  for (let size = text.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at + size <= text.length; ) {
      const shorter = text.slice(0, at) + text.slice(at + size)
      if (fault(shorter) === null) at += size
      else text = shorter
    }
  }
  return text
}

describe('the corpus of event ids', () => {
  it('is large, without duplicates', () => {
    expect(corpus.length).toBeGreaterThan(120)
    expect(new Set(texts(corpus)).size).toBe(corpus.length)
  })

  it.each(read)('reads $name', ({ text }) => {
    expect(inTime(() => fault(text))).toBeNull()
    expect(parseEventId(text)).not.toBeNull()
  })

  it.each(refused)('refuses $name', ({ text }) => {
    expect(inTime(() => fault(text))).toBeNull()
    expect(parseEventId(text)).toBeNull()
  })
})

describe('the decoder of event ids', () => {
  const counter = new WorkCounter('/src/bus/event-id.ts')
  let counted: typeof parseEventId

  beforeAll(async () => {
    await counter.start()
    vi.resetModules()
    counted = (await import('../../src/bus/event-id.ts')).parseEventId
  })
  afterAll(() => counter.stop())

  async function blocksOf(text: string): Promise<number> {
    return (await counter.workOf(() => inTime(() => counted(text)))).blocks
  }

  async function expectLinear(ids: readonly string[]): Promise<void> {
    for (const text of ids) {
      const bound = WORK_PER_CHARACTER * text.length + WORK_AT_LEAST
      expect(await blocksOf(text), shown(text).slice(0, 200)).toBeLessThanOrEqual(bound)
    }
  }

  it('has no branch that the corpus does not reach', async () => {
    const { missed, blocks } = await counter.workOf(() => {
      for (const { text } of corpus) inTime(() => counted(text))
    })
    expect(blocks).toBeGreaterThan(corpus.length)
    expect(missed).toEqual([])
  })

  it('does work by the length of an id, no matter what is in it', async () => {
    await expectLinear(texts(corpus))
  })

  it('does no more for partitions out of order than for those in order', async () => {
    const random = randomOf(1)
    const ascending = Array.from({ length: 14_000 }, (_, partition) => ({ partition, rank: random() }))
    const shuffled = ascending.toSorted((a, b) => a.rank - b.rank)
    const blocks: number[] = []
    for (const order of [ascending, ascending.toReversed(), shuffled]) {
      const numbers = order.flatMap(({ partition }) => [BigInt(partition), 0n])
      const bytes = [1, ...[BigInt(order.length), ...numbers].flatMap((n) => writeNumber(n))]
      blocks.push(await blocksOf(writeText(bytes)))
    }
    const [inOrder = 0, ...others] = blocks
    expect(inOrder).toBeGreaterThan(ascending.length)
    for (const outOfOrder of others) expect(outOfOrder).toBeLessThan(1.2 * inOrder)
  })

  const large = [2n ** 20n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n - 1n, 2n ** 63n]
  it.each(large)('does no more for a large number in an id (%s)', (number) => {
    const numbers = writeNumber(number)
    const ids = [[...numbers, 0, 2], [2, ...numbers, 2], [2, 0, ...numbers], numbers]
    for (const id of ids.map((bytes) => writeText([1, ...bytes]))) {
      const before = process.memoryUsage()
      parseEventId(id)
      const after = process.memoryUsage()
      expect(after.heapUsed - before.heapUsed, shown(id)).toBeLessThan(256 * 1024)
      expect(after.arrayBuffers - before.arrayBuffers, shown(id)).toBeLessThan(256 * 1024)
    }
  })

  it(
    `reads as the reference does what comes of the corpus in ${SECONDS} s`,
    async () => {
      const run = new Run(randomOf(SEED))
      console.log(`Event ids mutated with FUZZ_SEED=${SEED}`)
      for (const endMs = Date.now() + SECONDS * 1000; Date.now() < endMs; await setImmediate()) run.turn()
      console.log(
        `${run.ids} ids, ${run.idsRead} of them read; ${run.kept.size} kept, by ${run.rules.size} rules`,
      )
      expect(run.faults).toEqual([])
      expect(run.ids).toBeGreaterThan(100 * SECONDS)
      await expectLinear([...run.kept.values()])
    },
    SECONDS * 1000 + 120_000,
  )
})

class Run {
  ids = 0
  idsRead = 0
  readonly faults: string[] = []
  readonly rules = new Set<string>()
  /** Shortest input of each kind, by the kind. */
  readonly kept = new Map<string, string>()
  readonly #random: Random
  #text = ''

  constructor(random: Random) {
    this.#random = random
    // Tests that measure time run beside this one.
    setPriority(10)
  }

  /** Some ids more; one that is not read in time ends the run. */
  turn(): void {
    try {
      inTime(() => this.#mutations())
    } catch (error) {
      throw new Error(`With FUZZ_SEED=${SEED}, ${shown(this.#text)}`, { cause: error })
    }
  }

  #mutations(): void {
    const all = [...texts(corpus), ...this.kept.values()]
    const short = all.filter(({ length }) => length <= SHORT_LENGTH_MAX)
    const keptWhole = [...this.kept].filter(([kind]) => kind.startsWith('read ')).map(([, text]) => text)
    const whole = [...texts(read), ...keptWhole].filter(({ length }) => length <= SHORT_LENGTH_MAX)
    for (let i = 0; i < IDS_PER_TURN; i++) {
      const share = this.#random()
      const bases = share < LONG_SHARE ? all : share < WHOLE_SHARE ? whole : short
      this.#text = mutate(bases, short, this.#random)
      this.#look(this.#text)
    }
  }

  #look(text: string): void {
    const reading = readId(text)
    const found = fault(text, reading)
    if (found !== null && this.faults.length < 10) this.faults.push(`${found}: ${shown(shortest(text))}`)
    this.ids++
    if (reading.rule === 'read') this.idsRead++
    this.rules.add(reading.rule)
    const kind = kindOf(text, reading)
    const known = this.kept.get(kind)
    if (known === undefined ? this.kept.size < KEPT_MAX : text.length < known.length)
      this.kept.set(kind, text)
  }
}

/** What tells inputs apart that are worth mutating further: how they were read, their form and their size. */
function kindOf(text: string, { rule, pairs }: Reading): string {
  const padding = ['===', '==', '='].find((end) => text.endsWith(end))
  const form = [text.startsWith('['), text.includes('/'), padding]
  const isAscending = pairs.every(([partition], i) => i === 0 || partition > (pairs[i - 1]?.[0] ?? 0n))
  const size = [text.length, pairs.length].map((length) => Math.ceil(Math.log2(length + 1)))
  const special = pairs.some(([, offset]) => offset < 0n || offset > 2n ** 52n)
  return [rule, ...form, isAscending, special, ...size].join(' ')
}
