// The kinds of private streams that are tested together, and what each stream must get of a course of records. That is
// worked out from the course and docs/protocol.md, "Which records a stream gets", without our code.

import type { StreamOptions } from '../../src/options.ts'
import {
  type CourseOptions,
  type CourseRecord,
  courseOf,
  NO_CUSTOMER,
  ORDERS_PER_CUSTOMER,
  PARTITIONS,
  TOPICS,
} from './private-course.mjs'

export interface Shape {
  readonly topic: (typeof TOPICS)[number]
  /** What its values are. */
  readonly by: 'order' | 'customer'
  /** Whether a token has one to three values. */
  readonly isList: boolean
  readonly options: Partial<StreamOptions> & Pick<StreamOptions, 'path' | 'replay'>
}

export const SHAPES: readonly Shape[] = [
  {
    topic: 'inbox',
    by: 'order',
    isList: false,
    options: { path: '/inbox', replay: 'all', key: '{token.value}' },
  },
  {
    topic: 'inbox',
    by: 'order',
    isList: true,
    options: { path: '/watch', replay: 'all', key: '{token.value}' },
  },
  {
    topic: 'inbox',
    by: 'customer',
    isList: false,
    options: { path: '/audit', replay: 'all', headers: { user: '{token.value}' } },
  },
  {
    topic: 'orders',
    by: 'customer',
    isList: false,
    options: { path: '/mine', replay: 'latest', headers: { user: '{token.value}' } },
  },
  {
    topic: 'orders',
    by: 'customer',
    isList: true,
    options: { path: '/team', replay: 'latest', fields: { '/user': '{token.value}' } },
  },
  {
    topic: 'orders',
    by: 'order',
    isList: false,
    options: {
      path: '/orders/:order',
      replay: 'latest',
      key: '{params.order}',
      where: { 'params.order': '{token.value}' },
      ids: 'plain',
    },
  },
  {
    topic: 'cleaned',
    by: 'customer',
    isList: false,
    options: { path: '/cleaned', replay: 'latest', fields: { '/user': '{token.value}' } },
  },
  {
    topic: 'cleaned',
    by: 'order',
    isList: false,
    options: { path: '/cleaned-order', replay: 'latest', key: '{token.value}' },
  },
]

/** What a stream has to hear of one record. */
export interface OwnEvent {
  readonly record: CourseRecord
  readonly kind: 'value' | 'delete'
  /**
   * The key is in another selection now, or in none: of interest only to a client that has it. Where Kafka cleans, the
   * record by which it left may be gone, so that any later one of the key tells it, until the key comes back.
   */
  readonly isLeaving: boolean
  /** Number of the stream's next record of the same key. Infinity: none. */
  supersededBy: number
}

interface NumberedRecord extends CourseRecord {
  readonly number: number
  /** Whose the order was before. */
  readonly former: number
}

export class PrivateRecords {
  readonly options: CourseOptions
  /** By topic, then by order or customer; records under the new customer and under the former one. */
  private readonly byOrder: readonly NumberedRecord[][][]
  private readonly byCustomer: readonly NumberedRecord[][][]

  constructor(options: CourseOptions) {
    this.options = options
    const { customers } = options
    const orders = customers * ORDERS_PER_CUSTOMER
    this.byOrder = TOPICS.map(() => lists(orders))
    this.byCustomer = TOPICS.map(() => lists(customers))
    const owners = TOPICS.map(() => new Array<number>(orders).fill(NO_CUSTOMER))
    let number = 0
    for (const record of courseOf(options)) {
      const { topic, order, customer } = record
      const former = owners[topic]?.[order] ?? NO_CUSTOMER
      if (owners[topic]) owners[topic][order] = customer
      this.add({ ...record, former, number: number++ })
    }
  }

  /** By partition, in ascending order of offsets. */
  eventsOf(shape: Shape, values: ReadonlySet<number>): OwnEvent[][] {
    const topic = TOPICS.indexOf(shape.topic)
    const by = shape.by === 'order' ? this.byOrder[topic] : this.byCustomer[topic]
    const records = new Set([...values].flatMap((value) => by?.[value] ?? []))
    const events: OwnEvent[][] = Array.from({ length: PARTITIONS }, () => [])
    const newest = new Map<number, OwnEvent>()
    const isCleaned = shape.topic === 'cleaned'
    for (const record of isCleaned ? this.allOf(records) : inOrder(records)) {
      const hasLeft = isCleaned && newest.has(record.order)
      const event = eventOf(shape, values, record, hasLeft)
      if (event === null) continue
      const former = newest.get(record.order)
      if (former !== undefined) former.supersededBy = record.number
      newest.set(record.order, event)
      events[record.partition]?.push(event)
    }
    return events
  }

  /** All records of the keys that these records have. */
  private allOf(records: ReadonlySet<NumberedRecord>): NumberedRecord[] {
    const keys = new Set([...records].map(({ topic, order }) => this.byOrder[topic]?.[order] ?? []))
    return inOrder([...keys].flat())
  }

  private add(record: NumberedRecord): void {
    const { topic, order } = record
    this.byOrder[topic]?.[order]?.push(record)
    for (const customer of new Set([record.customer, record.former, record.header]))
      this.byCustomer[topic]?.[customer]?.push(record)
  }
}

function eventOf(
  shape: Shape,
  values: ReadonlySet<number>,
  record: NumberedRecord,
  hasLeft: boolean,
): OwnEvent | null {
  const { customer, former, header } = record
  const kind = customer === NO_CUSTOMER ? 'delete' : 'value'
  const event = { record, kind, isLeaving: false, supersededBy: Number.POSITIVE_INFINITY } as const
  if (shape.by === 'order') return { ...event }
  if (shape.options.replay === 'all') return values.has(header) ? { ...event } : null
  if (values.has(customer)) return { ...event }
  return values.has(former) || hasLeft ? { ...event, kind: 'delete', isLeaving: true } : null
}

function inOrder(records: Iterable<NumberedRecord>): NumberedRecord[] {
  return [...records].sort((one, other) => one.number - other.number)
}

function lists(length: number): NumberedRecord[][] {
  return Array.from({ length }, () => [])
}
