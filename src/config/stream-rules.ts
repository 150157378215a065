// What the schema cannot say of streams: that each has a path of its own.

import type { Document } from './document.ts'
import { quoted } from './problems.ts'
import type { Fault } from './validation.ts'

export function streamFaults({ streams }: Document): Fault[] {
  if (!Array.isArray(streams)) return []
  const paths: unknown[] = streams.map((stream: unknown) => Object(stream).path)
  return paths.flatMap((path, at) => {
    if (typeof path !== 'string' || paths.indexOf(path) === at) return []
    return [
      {
        place: ['streams', `${at}`, 'path'],
        kind: 'wrong',
        words: `is taken by another stream: ${quoted(path)}`,
      },
    ]
  })
}
