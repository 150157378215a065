// Which ids the servers' processes gave to the same records. While all have one order of arrival, a record has the same
// id at every server. Different ids show different orders; different ids by one process show that it rewrites them.

interface Marks {
  readonly start: number
  /** By partition and number of a record: 0, or a mark of the first id that came with it. */
  readonly byPartition: readonly Uint32Array[]
}

/** Lowest bits of a mark: that there is one, and that the process gave another id, too. */
const SEEN = 1
const REWRITTEN = 2
const PRIME = 16_777_619

export class ArrivalOrders {
  /** Records that were met at both servers; counted again after a start of either. */
  compared = 0
  /** Of those, the ones that had another id at the other server. */
  differing = 0
  /** Records that had more than one id at one process. */
  rewritten = 0
  readonly #partitions: number
  readonly #numbersMax: number
  /** Of each server its latest process. */
  readonly #marks = new Map<string, Marks>()

  /** Records of a higher number than `numbersMax` are not looked at. */
  constructor(partitions: number, numbersMax: number) {
    this.#partitions = partitions
    this.#numbersMax = numbersMax
  }

  /** A record came with an id that says `offsets`; `start` says which process of the server sent it. */
  note(server: string, start: number, partition: number, number: number, offsets: readonly number[]): void {
    const marks = this.#marksOf(server, start).byPartition[partition]
    const known = marks?.[number]
    if (marks === undefined || known === undefined) return
    const mark = markOf(offsets)
    if (known === 0) {
      marks[number] = mark
      this.#compare(server, partition, number, mark)
    } else if ((known & ~REWRITTEN) >>> 0 !== mark && (known & REWRITTEN) === 0) {
      marks[number] = known | REWRITTEN
      this.rewritten++
    }
  }

  #compare(server: string, partition: number, number: number, mark: number): void {
    for (const [other, { byPartition }] of this.#marks) {
      const known = byPartition[partition]?.[number] ?? 0
      if (other === server || known === 0) continue
      this.compared++
      if ((known & ~REWRITTEN) >>> 0 !== mark) this.differing++
    }
  }

  #marksOf(server: string, start: number): Marks {
    const known = this.#marks.get(server)
    if (known !== undefined && known.start >= start) return known
    const partitions = Array.from({ length: this.#partitions }, () => new Uint32Array(this.#numbersMax))
    const marks = { start, byPartition: partitions }
    this.#marks.set(server, marks)
    return marks
  }
}

/** FNV-1a over the offsets, without its lowest two bits. */
function markOf(offsets: readonly number[]): number {
  let hash = 2_166_136_261
  for (const offset of offsets) hash = Math.imul(hash ^ offset, PRIME)
  return ((hash & ~REWRITTEN) | SEEN) >>> 0
}
