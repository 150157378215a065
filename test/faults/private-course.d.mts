export const TOPICS: readonly ['inbox', 'orders', 'cleaned']
export const PARTITIONS: number
export const NO_CUSTOMER: number
export const ORDERS_PER_CUSTOMER: number

export interface CourseOptions {
  readonly seed: number
  readonly records: number
  readonly customers: number
}

export interface CourseRecord {
  /** Index in TOPICS. */
  readonly topic: number
  readonly partition: number
  readonly offset: number
  readonly order: number
  readonly customer: number
  readonly header: number
}

export function courseOf(options: CourseOptions): Generator<CourseRecord, void, undefined>
export function keyOf(order: number): string
export function nameOf(customer: number): string
export function valueText(
  record: Pick<CourseRecord, 'partition' | 'offset' | 'order' | 'customer'>,
): string | null
