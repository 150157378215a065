// A fault of a librdkafka property, at its place in the options.

import type { Fault } from '../validation.ts'

/** librdkafka's properties as they are written, not checked yet. */
export type Properties = Readonly<Record<string, unknown>>

export function propertyFault(name: string, words: string, kind: Fault['kind'] = 'wrong'): Fault {
  return { place: ['kafka', 'config', name], kind, words }
}
