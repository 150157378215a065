// What every stream over SSE has before it in Zilla, and what a configuration without streams lacks of it.

import type { Binding, Bindings } from './bindings.ts'

/** From the port to Kafka. TLS and the PROXY protocol may stand behind the first. */
const WAY = ['tcp server', 'http server', 'sse server', 'sse-kafka proxy'] as const

const LISTED_MAX = 10

/** Of a binding that something else leads to than it should. */
export const BEFORE: ReadonlyMap<string, string> = new Map([
  ['sse server', 'an http server has to stand before this sse server: it is not converted'],
  ['sse-kafka proxy', 'an sse server has to stand before this sse-kafka proxy: it is not converted'],
])

/** Of a binding that nothing leads to. */
export const LEFT: ReadonlyMap<string, string> = new Map(
  WAY.slice(1).map((type, at) => [type, `no ${WAY[at]} leads to this ${type}: it is not converted`]),
)

/** What the way to a stream lacks, with what there is; null if all of it is there. */
export function missingPart(bindings: Bindings): string | null {
  const all = [...bindings.all]
  for (const [at, type] of WAY.entries()) {
    const ofType = all.filter((binding) => binding.type === type)
    const [first] = ofType
    if (first === undefined) return `it has no ${type} (${keys(type)}); its bindings are ${listed(all)}`
    if (at > 0 && !ofType.some((binding) => bindings.isEntered(binding)))
      return `no ${WAY[at - 1]} leads to the ${type} ${first.name}`
  }
  return null
}

function keys(type: string): string {
  const [of, kind] = type.split(' ')
  return `type: ${of}, kind: ${kind}`
}

function listed(all: readonly Binding[]): string {
  const words = all.slice(0, LISTED_MAX).map(({ name, type }) => `${name} (${type})`)
  return [...words, ...(all.length > LISTED_MAX ? ['…'] : [])].join(', ')
}
