// A list whose members hold their own places: adding, removing and moving all of it cost the same however long it is, and
// allocate nothing.

/** A member of at most one list at a time; its two neighbours are the list's own, null while it is in none. */
export interface Linked {
  previous: Linked | null
  next: Linked | null
}

export class LinkedList<T extends Linked> {
  /** Stands before the first and behind the last member. */
  private readonly ends: Linked = { previous: null, next: null }

  constructor() {
    this.clear()
  }

  get isEmpty(): boolean {
    return this.ends.next === this.ends
  }

  /** Adds a member that is in no list at the end. */
  add(member: T): void {
    join(this.ends.previous, member)
    join(member, this.ends)
  }

  /** Removes the first member; undefined where there is none. */
  take(): T | undefined {
    const { next } = this.ends
    if (next === null || next === this.ends) return undefined
    remove(next)
    return next as T // only `add` puts members in
  }

  /** Moves all members of another list to the end of this one. */
  takeAll(other: LinkedList<T>): void {
    if (other.isEmpty) return
    join(this.ends.previous, other.ends.next)
    join(other.ends.previous, this.ends)
    other.clear()
  }

  private clear(): void {
    this.ends.previous = this.ends
    this.ends.next = this.ends
  }
}

/** Takes a member out of whichever list it is in. */
export function remove(member: Linked): void {
  if (member.next === null) return
  join(member.previous, member.next)
  member.previous = null
  member.next = null
}

function join(first: Linked | null, second: Linked | null): void {
  if (first === null || second === null) return
  first.next = second
  second.previous = first
}
