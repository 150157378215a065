// A React hook for a live map. React compares snapshots by identity, and a live map hands out the same one until the
// next batch, so a component renders once per batch.

import type { LiveMap } from 'kafka-sse-client'
import { useSyncExternalStore } from 'react'

/** The map as of its last batch. */
export function useLiveMap<V>(map: LiveMap<V>): ReadonlyMap<string, V> {
  return useSyncExternalStore(map.subscribe, map.getSnapshot, map.getSnapshot)
}
