// The bindings of a Zilla configuration as a graph: each hands what it reads to the next, its exit.

import type { Notes } from './notes.ts'
import type { YamlPlace } from './place.ts'

export interface Binding {
  readonly name: string
  /** `tcp server`, `sse-kafka proxy`, … */
  readonly type: string
  readonly place: YamlPlace
  readonly options: YamlPlace | null
  /** In the order in which Zilla looks at them. The exit of the binding itself is the last one. */
  readonly routes: readonly ZillaRoute[]
}

export interface ZillaRoute {
  readonly place: YamlPlace
  /** Conditions, of which any may match. Empty: all requests match. */
  readonly when: readonly YamlPlace[]
  readonly with: YamlPlace | null
  readonly guarded: YamlPlace | null
  /** The name of a binding. */
  readonly exit: string | null
}

/** Bindings of which each is looked at at most once, however many lead to it. */
export class Bindings {
  private readonly byName = new Map<string, Binding>()
  private readonly entered = new Set<string>()
  private readonly notes: Notes

  constructor(top: YamlPlace | null, notes: Notes) {
    this.notes = notes
    for (const [name, place] of top?.members() ?? []) this.byName.set(name, bindingOf(name, place))
  }

  get all(): Iterable<Binding> {
    return this.byName.values()
  }

  /** null, with a note, if there is none of this name. */
  named(name: string | null, from: YamlPlace): Binding | null {
    const binding = name === null ? undefined : this.byName.get(name)
    if (name !== null && binding === undefined) this.notes.say(from, `there is no binding ${name}`)
    return binding ?? null
  }

  /** Whether nothing has entered the binding before. */
  enter({ name }: Binding): boolean {
    const isFirst = !this.entered.has(name)
    this.entered.add(name)
    return isFirst
  }

  isEntered({ name }: Binding): boolean {
    return this.entered.has(name)
  }

  /** Those that nothing has entered. */
  get left(): readonly Binding[] {
    return [...this.byName.values()].filter((binding) => !this.isEntered(binding))
  }
}

function bindingOf(name: string, place: YamlPlace): Binding {
  const routes = place.member('routes')?.items().map(routeOf) ?? []
  const exit = place.member('exit')
  const last: ZillaRoute[] = exit === null ? [] : [{ ...NOTHING, place: exit, exit: exit.text() }]
  // Which metrics a binding counts: here all are counted.
  place.member('telemetry')?.readAll()
  const words = ['type', 'kind'].map((member) => place.member(member)?.text() ?? '?')
  return {
    name,
    type: words.join(' '),
    place,
    options: place.member('options'),
    routes: [...routes, ...last],
  }
}

const NOTHING = { when: [], with: null, guarded: null }

function routeOf(place: YamlPlace): ZillaRoute {
  const [when, guarded] = [place.member('when'), place.member('guarded')]
  return {
    place,
    when: when?.items() ?? [],
    with: place.member('with'),
    guarded,
    exit: place.member('exit')?.text() ?? null,
  }
}
