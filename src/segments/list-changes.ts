// What became of a list from one version to another, so that a copy of it elsewhere is told changes and never compared whole.

/** At `first`, `removed` items went and `added` came in their place. */
export interface ListChange {
  readonly first: number
  readonly removed: number
  readonly added: number
}

/** So many items side by side in the new list: those that stood from `from` on in the old one, or new ones where it is null. */
export interface Stretch {
  readonly from: number | null
  readonly count: number
}

/** Changes that are remembered. Who is further behind is told the list anew. */
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

  /** The changes since a version; null where that was too long ago. */
  since(version: number): readonly ListChange[] | null {
    const count = this.version - version
    if (count > Math.min(CHANGES_MAX, this.changes.length)) return null
    return this.changes.slice(this.changes.length - count)
  }
}

/** The list after some changes, by what it was made of before. */
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

/** Neighbours that are one stretch as one, and none that is empty: however many changes there are, stretches are few. */
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

/** What the places from `first` to `end`, that one not, are made of. */
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
