// What a client of the resume model selects, and which records that is: by the model's own reading of keys, headers and
// JSON, never by what a bus says. Few values, so that keys often move between selections.

import type { KafkaRecord, Keeps, RecordHeader } from '../../src/bus/record.ts'
import { parseSelector } from '../../src/routing/selector.ts'
import type { RouteCondition } from '../../src/selection/selection.ts'
import type { Choose } from './choice.ts'

/** What the streams of a bus are selected by. */
export const SELECTORS = ['key', 'headers.to', 'headers.kind', 'fields./t'].map(parseSelector)

type Name = 'key' | 'headers.to' | 'headers.kind' | 'fields./t'
type Conditions = Readonly<Partial<Record<Name, readonly string[]>>>

/** The values of a record by which streams are selected, besides its key. */
export interface Routed {
  readonly headers: readonly RecordHeader[]
  /** JSON of the field. null: the value is not JSON. */
  readonly field: string | null
}

const KEYS = ['0', '1', '4'].flatMap((key) => [0, 1, 2, 3].map((partition) => `${partition} ${key}`))
const SELECTIONS: readonly Conditions[] = [
  {},
  { key: KEYS },
  { key: KEYS.slice(0, 4) },
  { 'headers.to': ['a'] },
  { 'headers.to': ['a', 'b'] },
  { 'headers.to': ['b', 'c', 'elsewhere'] },
  { 'fields./t': ['a'] },
  { 'fields./t': ['1', 'b'] },
  { 'headers.to': ['a', 'b'], 'headers.kind': ['x'] },
  { 'headers.kind': ['x', 'y'], 'fields./t': ['a', '1'] },
  { key: KEYS, 'headers.to': ['a', 'b'] },
]
const TO: readonly (readonly (string | null)[])[] = [
  [],
  [null],
  ['a'],
  ['a'],
  ['b'],
  ['c'],
  ['a', 'b'],
  ['b', 'b'],
  [null, 'a'],
]
const KINDS: readonly (readonly (string | null)[])[] = [[], ['x'], ['x'], ['y'], [null]]
const FIELDS = ['"a"', '"a"', '"b"', '1', '1.0', 'null', '["a"]', '""', null]

export class Selection {
  private readonly conditions: Conditions
  private readonly keeps: Keeps

  constructor(conditions: Conditions, keeps: Keeps) {
    this.conditions = conditions
    this.keeps = keeps
  }

  static ofAll(keeps: Keeps): Selection {
    return new Selection({}, keeps)
  }

  static any(choose: Choose, keeps: Keeps): Selection {
    return new Selection(SELECTIONS[choose(SELECTIONS.length)] ?? {}, keeps)
  }

  get isOfAll(): boolean {
    return this.names.length === 0
  }

  /** Whether a key never leaves it. */
  get isStable(): boolean {
    return this.keeps === 'all' || this.names.every((name) => name === 'key')
  }

  get routes(): RouteCondition[] {
    return this.names.map((name) => ({
      selector: parseSelector(name),
      values: new Set(this.conditions[name]),
    }))
  }

  /** Whether the record itself is sent. Where the newest of each key is kept a delete is sent for what it deletes. */
  gets(record: KafkaRecord): boolean {
    if (this.isOfAll) return true
    return (this.keeps === 'all' || record.value !== null) && this.matches(record, record)
  }

  /** Whether a record says that its key has left, whose newest record was this one until then; null: none was. */
  isLeftBy(record: KafkaRecord, former: KafkaRecord | null): boolean {
    if (record.key === null) return false
    if (this.isOfAll || this.keeps === 'all') return record.value === null && this.gets(record)
    if (this.isStable) return record.value === null && this.matches(record, record)
    return former !== null && former.value !== null && this.matches(record, former)
  }

  toString(): string {
    return JSON.stringify(this.conditions)
  }

  private get names(): Name[] {
    return Object.keys(this.conditions) as Name[] // as the type says
  }

  /** Whether the key of a record matches, and the values of `of`. */
  private matches({ key }: KafkaRecord, of: KafkaRecord): boolean {
    return this.names.every((name) => {
      const values = this.conditions[name] ?? []
      if (name === 'key') return key !== null && values.includes(`${key}`)
      if (name === 'fields./t') return values.includes(fieldOf(of) ?? '')
      const header = name.slice('headers.'.length)
      return of.headers.some((one) => one.name === header && one.value && values.includes(`${one.value}`))
    })
  }
}

export function anyRouted(choose: Choose): Routed {
  const headers = [
    ...(TO[choose(TO.length)] ?? []).map((to) => header('to', to)),
    ...(KINDS[choose(KINDS.length)] ?? []).map((kind) => header('kind', kind)),
  ]
  return { headers, field: FIELDS[choose(FIELDS.length)] ?? null }
}

/** The text of a record's field, as it is written; null if there is none. */
function fieldOf({ value }: KafkaRecord): string | null {
  const [, text, number] = /"t":(?:"([^"]+)"|([0-9.]+))/.exec(String(value ?? '')) ?? []
  return text ?? number ?? null
}

function header(name: string, value: string | null): RecordHeader {
  return { name, value: value === null ? null : Buffer.from(value) }
}
