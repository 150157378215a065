// Which topics are open because streams ask for them, and which are closed again. Pure state: the caller opens and
// closes. Promise: a topic in use is never closed, no key is open twice, and no more than `openMax` are open.

export interface LeaseBounds {
  /** How long a topic without users stays open. */
  readonly idleMs: number
  /** Bytes of all open topics together. At this bound no topic is opened; those without users are closed. */
  readonly bytesMax: number
  /** Topics that are open at one time. */
  readonly openMax: number
}

export interface LeaseParts<T> extends LeaseBounds {
  /** Bytes that the topic holds now. */
  readonly bytesOf: (topic: T) => number
  /** Whether the topic is closed as soon as it has no user. */
  readonly isOver: (topic: T) => boolean
  /** Closes a topic that has no user. */
  readonly close: (topic: T, reason: TopicCloseReason) => void
  /** Monotonic. */
  readonly nowMs: () => number
}

/** `idle`: unused for `idleMs`, or over. `room`: unused, and others needed its room. */
export type TopicCloseReason = 'idle' | 'room'

/** One use of an open topic. */
export interface TopicUse<T> {
  readonly topic: T
  /** Ends this use. Further calls do nothing. */
  release(): void
}

interface Entry<T> {
  readonly key: string
  readonly topic: T
  users: number
  /** When the last user left. */
  idleSinceMs: number
}

export class TopicLeases<T> {
  private readonly parts: LeaseParts<T>
  private readonly entries = new Map<string, Entry<T>>()
  /** Topics without users, the least recently used first. */
  private readonly idle = new Set<Entry<T>>()
  private isClosed = false

  constructor(parts: LeaseParts<T>) {
    this.parts = parts
  }

  get topics(): readonly T[] {
    return [...this.entries.values()].map(({ topic }) => topic)
  }

  get bytes(): number {
    let bytes = 0
    for (const { topic } of this.entries.values()) bytes += this.parts.bytesOf(topic)
    return bytes
  }

  /** Uses the topic of this key, and opens it if it is not open. null: there is no room for one more topic. */
  take(key: string, open: () => T): TopicUse<T> | null {
    const entry = this.entries.get(key) ?? this.begin(key, open)
    if (entry === null) return null
    entry.users++
    this.idle.delete(entry)
    let isReleased = false
    const release = () => {
      if (isReleased) return
      isReleased = true
      this.leave(entry)
    }
    return { topic: entry.topic, release }
  }

  /** Closes topics whose time is over, then the least recently used ones until the others fit. Call it often. */
  sweep(): void {
    const { idleMs, isOver, nowMs } = this.parts
    const idleBeforeMs = nowMs() - idleMs
    for (const entry of this.idle)
      if (entry.idleSinceMs <= idleBeforeMs || isOver(entry.topic)) this.end(entry, 'idle')
    this.makeRoom(this.parts.openMax)
  }

  /** Closes every topic, in use or not. None is opened from now on. */
  close(): void {
    this.isClosed = true
    for (const entry of [...this.entries.values()]) this.end(entry, 'idle')
  }

  private begin(key: string, open: () => T): Entry<T> | null {
    if (this.isClosed || !this.makeRoom(this.parts.openMax - 1)) return null
    const entry = { key, topic: open(), users: 0, idleSinceMs: 0 }
    this.entries.set(key, entry)
    return entry
  }

  /** Closes unused topics until at most this many are open, and below the bound of bytes; false if none is left. */
  private makeRoom(openMax: number): boolean {
    let { bytes } = this
    while (this.entries.size > openMax || bytes >= this.parts.bytesMax) {
      const [oldest] = this.idle
      if (oldest === undefined) return false
      bytes -= this.parts.bytesOf(oldest.topic)
      this.end(oldest, 'room')
    }
    return true
  }

  private leave(entry: Entry<T>): void {
    entry.users--
    if (entry.users > 0 || this.entries.get(entry.key) !== entry) return
    entry.idleSinceMs = this.parts.nowMs()
    this.idle.add(entry)
  }

  private end(entry: Entry<T>, reason: TopicCloseReason): void {
    this.entries.delete(entry.key)
    this.idle.delete(entry)
    this.parts.close(entry.topic, reason)
  }
}
