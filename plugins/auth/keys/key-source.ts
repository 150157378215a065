// What every source of keys answers, wherever its keys come from.

import type { KeyChoice, KeyHeader } from './key-set.ts'

export interface KeySource {
  /** Which key a token's header means. Rejects with KeysUnavailable while there is no key set to look in. */
  find(header: KeyHeader): Promise<KeyChoice>
  /** Why there is no key set, in words for an operator; null when there is one. */
  notReady(): string | null
  close(): void
}
