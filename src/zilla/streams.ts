// The streams of a Zilla configuration: each way from an http server by an sse server to a route of sse-kafka. Promise:
// a stream that would give its clients other records than Zilla does, or records to other clients, is left out.

import { ConfigError, validatePart } from '../config/parse.ts'
import type { Binding, ZillaRoute } from './bindings.ts'
import { convertGuard, type Guard } from './guards.ts'
import type { KafkaSide } from './kafka.ts'
import type { Notes } from './notes.ts'
import { coversPath, fastifyPath, type PathParams, pathParams } from './paths.ts'
import type { YamlPlace } from './place.ts'
import { convertTemplate } from './templates.ts'
import {
  EVERY_PATH,
  narrowest,
  type PathCondition,
  pathsOf,
  tooManyWays,
  type Way,
  waysBehindAll,
} from './ways.ts'

/** The position alone, which is Zilla's default. */
const ID_OF_POSITION = /^\$\{etag\}$/

type Stream = Record<string, unknown>

export class StreamReader {
  readonly streams: Stream[] = []
  /** The guard of all streams; null until one is guarded. */
  guard: Guard | null = null
  /** Streams whose topic the path names: they get their list once all topics are known. */
  private readonly byPath: { readonly stream: Stream; readonly place: YamlPlace }[] = []
  /** Paths of all routes so far, converted or not: Zilla takes the first route that matches. */
  private readonly earlier: PathCondition[] = []
  private readonly guards: ReadonlyMap<string, YamlPlace>
  private readonly kafka: KafkaSide
  private readonly notes: Notes

  constructor(guards: ReadonlyMap<string, YamlPlace>, kafka: KafkaSide, notes: Notes) {
    this.guards = guards
    this.kafka = kafka
    this.notes = notes
  }

  /** The routes of an sse-kafka proxy to which these ways lead. */
  read({ name, routes }: Binding, ways: readonly Way[]): void {
    for (const route of routes) {
      this.kafka.follow(route.exit, route.place)
      const own = pathsOf(route.when, this.notes)
      const combined = waysBehindAll(ways, own, route.guarded)
      if (combined === null) this.notes.leaveOut(route.place, tooManyWays(name))
      else for (const way of combined) this.route(route, way)
    }
  }

  /** All streams, now that the topics are known. */
  finish(): readonly Stream[] {
    const topics = [...this.kafka.topics]
    const unlisted = new Set<Stream>()
    for (const { stream, place } of this.byPath) {
      if (topics.length > 0) stream.topics = topics
      else {
        unlisted.add(stream)
        this.notes.leaveOut(
          place,
          'the path names any topic in Zilla, and one of a list here: write the list `topics`',
        )
      }
    }
    return this.streams.filter((stream) => !unlisted.has(stream))
  }

  private route(route: ZillaRoute, way: Way): void {
    const place = way.paths.at(-1)?.place ?? route.place
    const path = narrowest(way.paths.map((condition) => condition.path))
    if (path === 'apart') return
    const own = way.paths.at(-1)?.path ?? EVERY_PATH
    const params = path === null ? null : pathParams(own, path)
    const ours = path === null ? null : fastifyPath(path)
    if (path === null || params === null || ours === null) {
      this.notes.leaveOut(
        place,
        'its path, with those of the routes before it, is none that can be written here',
      )
      return
    }
    const first = this.earlier.find((one) => coversPath(one.path, path))
    if (first !== undefined) {
      if (first.place === place) return
      this.notes.leaveOut(place, `the route of line ${first.place.line} matches first`)
      return
    }
    this.earlier.push({ place, path })
    const scope = this.scopeOf(route, way)
    if (scope === undefined) return
    const stream = this.recordsOf(route, params)
    if (stream !== null) this.add({ path: ours, ...stream, scope }, place)
  }

  /** undefined, with a note, if the routes ask for more than one scope of one guard. */
  private scopeOf(route: ZillaRoute, { guarded }: Way): string | null | undefined {
    const roles = new Set<string>()
    let from: YamlPlace | null = null
    for (const place of guarded) {
      for (const [name, list] of place.members()) {
        from = list
        const guard = this.guardNamed(name)
        if (guard === null) {
          this.notes.leaveOut(
            list,
            `one guard of type jwt is converted, and this stream has another (${name})`,
          )
          return undefined
        }
        for (const role of list.items()) roles.add(role.text() ?? '')
      }
    }
    if (from === null) {
      this.notes.say(
        route.place,
        'needs no token in Zilla. Here any token that is accepted opens it (scope null)',
      )
      return null
    }
    const [scope = null, second] = roles
    if (second !== undefined || scope?.includes('${')) {
      this.notes.leaveOut(from, 'a stream asks for one scope here, and for the same one in every request')
      return undefined
    }
    return scope
  }

  private guardNamed(name: string): Guard | null {
    const place = this.guards.get(name)
    if (this.guard === null && place !== undefined) this.guard = convertGuard(name, place, this.notes)
    return this.guard?.name === name ? this.guard : null
  }

  private recordsOf(route: ZillaRoute, params: PathParams): Stream | null {
    const topic = route.with?.member('topic') ?? null
    if (route.with === null || topic === null) {
      this.notes.leaveOut(route.place, 'names no topic')
      return null
    }
    this.eventId(route.with.at('event', 'id'))
    this.notes.say(
      topic,
      'is read as a table, whose newest record of each key counts: kafka-sse check says whether that fits; for a log set replay to all',
    )
    const named = this.template(topic, params)
    const filter = this.filterOf(route.with.member('filters'), params)
    if (named === null || filter === null) return null
    if (/[{}]/.test(named) && !/^\{params\.\w+\}$/.test(named)) {
      this.notes.leaveOut(
        topic,
        'a topic is a name here, or all of one parameter: select by key, headers or fields',
      )
      return null
    }
    return { topic: named, ...filter }
  }

  private eventId(id: YamlPlace | null): void {
    if (id === null || ID_OF_POSITION.test(id.text() ?? '')) return
    this.notes.say(
      id,
      "an id has no key here: set the stream's encoding to envelope, whose JSON has it, if clients need it",
    )
  }

  /** The one criterion of a route; null, with a note, if it has several or one that cannot be written here. */
  private filterOf(filters: YamlPlace | null, params: PathParams): Stream | null {
    const [first, second] = filters?.items() ?? []
    if (second !== undefined) {
      this.notes.leaveOut(
        second,
        'any of several criteria may match in Zilla; here all that is named must: make a stream of each',
      )
      return null
    }
    const key = first?.member('key') ?? null
    const headers = first?.member('headers')?.members() ?? []
    const templates = headers.map(([name, place]) => [name, this.template(place, params)] as const)
    const keyTemplate = key === null ? undefined : this.template(key, params)
    if (keyTemplate === null || templates.some(([, template]) => template === null)) return null
    return {
      ...(keyTemplate !== undefined && { key: keyTemplate }),
      ...(templates.length > 0 && { headers: Object.fromEntries(templates) }),
    }
  }

  private template(place: YamlPlace, params: PathParams): string | null {
    const converted = convertTemplate(place.text() ?? '', params, this.guard)
    if ('template' in converted) return converted.template
    this.notes.leaveOut(place, converted.problem)
    return null
  }

  private add(stream: Stream, place: YamlPlace): void {
    const { problem, ids } = checked(stream)
    if (problem !== null) {
      this.notes.leaveOut(place, problem)
      return
    }
    if (/[^:]:(?!:)/.test(String(stream.path)))
      this.notes.say(place, 'a parameter is one segment of the path here, without slashes')
    this.streams.push(stream)
    if (ids === 'sealed')
      this.notes.say(place, 'its event ids are sealed: set SECRET_KEY, the same on every replica')
    if (String(stream.topic).startsWith('{')) this.byPath.push({ stream, place })
  }
}

/** What our own schema says against a stream, null for nothing; and how its ids are written. */
function checked(stream: Stream): {
  readonly problem: string | null
  readonly ids: 'sealed' | 'plain' | null
} {
  const listed = String(stream.topic).startsWith('{') ? { topics: ['any'] } : {}
  try {
    const { streams } = validatePart({ streams: [{ ...stream, ...listed }] })
    return { problem: null, ids: streams[0]?.ids ?? null }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { problem: error.problems.join('; ').replaceAll('options.streams[0].', ''), ids: null }
  }
}
