// The interface of every source of keys.

import type { KeyChoice, KeyHeader } from './key-set.ts'

export interface KeySource {
  /** The key that a token's header names. Rejects with KeysUnavailable while there is no key set. */
  find(header: KeyHeader): Promise<KeyChoice>
  /** Why there is no key set, for an operator; null if there is one. */
  notReady(): string | null
  close(): void
}
