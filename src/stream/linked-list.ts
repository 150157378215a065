// An intrusive doubly linked list: its members hold the links. Promise: adding, removing and moving a whole list take
// constant time and allocate nothing.

/** A member of at most one list at a time. Only the list sets the links; both are null outside a list. */
export interface Linked {
  previous: Linked | null
  next: Linked | null
}

export class LinkedList<T extends Linked> {
  /** Sentinel: before the first member and after the last. */
  private readonly ends: Linked = { previous: null, next: null }

  constructor() {
    this.clear()
  }

  get isEmpty(): boolean {
    return this.ends.next === this.ends
  }

  /** Adds a member at the end. It must be in no list. */
  add(member: T): void {
    join(this.ends.previous, member)
    join(member, this.ends)
  }

  /** Removes the first member and returns it; undefined if the list is empty. */
  take(): T | undefined {
    const { next } = this.ends
    if (next === null || next === this.ends) return undefined
    remove(next)
    return next as T // only `add` puts members in
  }

  /** Moves all members of `other` to the end of this list. */
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

/** Removes a member from its list; does nothing if it is in none. */
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
