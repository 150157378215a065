// A collection of TanStack DB that follows a live map, so that queries and joins follow the topic.

import type { CollectionConfig } from '@tanstack/db'
import type { Changes, LiveMap } from 'kafka-sse-client'

type Followed<V> = Pick<LiveMap<V>, 'getSnapshot' | 'subscribe' | 'ready' | 'close'>

/**
 * Options for `createCollection`. `open` opens the map when the collection starts to sync, again after it was cleaned
 * up; `getKey` is the map's key of a value.
 */
export function liveMapCollection<V extends object>(
  open: () => Followed<V>,
  getKey: (value: V) => string,
): CollectionConfig<V, string> {
  return {
    getKey,
    sync: {
      rowUpdateMode: 'full',
      sync: ({ begin, write, commit, markReady, markError }) => {
        const map = open()
        let before = map.getSnapshot()
        const unsubscribe = map.subscribe((changes: Changes<V>) => {
          begin()
          for (const [key, value] of changes) {
            if (value === undefined) write({ type: 'delete', key })
            else write({ type: before.has(key) ? 'update' : 'insert', value })
          }
          commit()
          before = map.getSnapshot()
        })
        map.ready.then(markReady, markError)
        return () => {
          unsubscribe()
          map.close()
        }
      },
    },
  }
}
