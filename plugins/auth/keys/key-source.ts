// The interface of every source of keys, and what those that hold their keys themselves have in common.

import type { KeyFetches } from '../../../src/token/authenticator.ts'
import type { KeyChoice, KeyHeader, KeySet } from './key-set.ts'

export interface KeySource {
  /** The key that a token's header names. Rejects with KeysUnavailable if that cannot be told now. */
  find(header: KeyHeader): Promise<KeyChoice>
  /** Why there is no key set, for an operator; null if there is one. */
  notReady(): string | null
  /** Left out by a source that fetches nothing itself. */
  readonly fetches?: KeyFetches
  close(): void
}

/** What a source has now. Plain data, which other threads may be sent. */
export interface KeyState {
  /** null: none was read yet, or the last one is too old. */
  readonly set: KeySet | null
  /** As `notReady`. */
  readonly trouble: string | null
}

/** A source that holds its keys itself, and tells others when they change. */
export abstract class OwnKeySource implements KeySource {
  private readonly listeners = new Set<() => void>()

  readonly fetches?: KeyFetches

  abstract get state(): KeyState
  abstract find(header: KeyHeader): Promise<KeyChoice>
  abstract close(): void

  notReady(): string | null {
    return this.state.trouble
  }

  /** `listener` is called after each change of `state`. Returns a function that ends this. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  protected changed(): void {
    for (const listener of this.listeners) listener()
  }
}
