// The last changes of a list, by version. A copy in another thread is updated from these,
// and the lists are never compared.

/** At index `first`, `removed` items were replaced by `added` new ones. */
export interface ListChange {
  readonly first: number
  readonly removed: number
  readonly added: number
}

/** `count` neighbours of the new list. They were at index `from` of the old list; null: they are new. */
export interface Stretch {
  readonly from: number | null
  readonly count: number
}

/** Changes that are remembered. A copy that is further behind is sent the whole list again. */
const CHANGES_MAX = 256

export class ListChanges {
  /** Grows by one with each change. */
  version = 0
  private changes: ListChange[] = []

  note(change: ListChange): void {
    this.version++
    this.changes.push(change)
    if (this.changes.length >= 2 * CHANGES_MAX) this.changes = this.changes.slice(-CHANGES_MAX)
  }

  /** The changes since a version. null if some of them are no longer remembered. */
  since(version: number): readonly ListChange[] | null {
    const count = this.version - version
    if (count > Math.min(CHANGES_MAX, this.changes.length)) return null
    return this.changes.slice(this.changes.length - count)
  }
}

/** The list after some changes, described by where its items were before them. */
export function changedStretches(
  before: readonly Stretch[],
  changes: readonly ListChange[],
): readonly Stretch[] {
  let stretches = before
  for (const { first, removed, added } of changes) {
    const behind = stretchesOf(stretches, first + removed, Number.POSITIVE_INFINITY)
    stretches = joined([...stretchesOf(stretches, 0, first), { from: null, count: added }, ...behind])
  }
  return joined(stretches)
}

/** Joins neighbouring new stretches and leaves out empty ones, so that many changes still make few stretches. */
function joined(stretches: readonly Stretch[]): Stretch[] {
  const few: Stretch[] = []
  for (const { from, count } of stretches) {
    const last = few.at(-1)
    if (count === 0) continue
    if (last?.from === null && from === null) few.splice(-1, 1, { from, count: last.count + count })
    else few.push({ from, count })
  }
  return few
}

/** The stretches that cover the indexes from `first` up to `end`, which is excluded. */
function stretchesOf(stretches: readonly Stretch[], first: number, end: number): Stretch[] {
  const within: Stretch[] = []
  let place = 0
  for (const { from, count } of stretches) {
    const skipped = Math.max(0, first - place)
    const left = Math.min(count, end - place) - skipped
    if (left > 0) within.push({ from: from === null ? null : from + skipped, count: left })
    place += count
  }
  return within
}
