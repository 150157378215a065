// Reads the values of a record by which streams are selected. They are read once, when the record is appended to its
// bus, regardless of how many streams there are.

import { KEY_SELECTOR, ROUTE_BYTES_MAX, type RouteValue } from '../segments/segment-layout.ts'
import { fieldTexts } from './json-field.ts'
import type { Selector } from './selector.ts'
import { WantedFields } from './wanted-fields.ts'

/** The parts of a record that selectors look at. */
export interface RoutedRecord {
  readonly value: Uint8Array | null
  readonly headers: readonly { readonly name: string; readonly value: Uint8Array | null }[]
}

/** Different values of one header that count, if a record has it several times: the first ones. */
export const HEADER_VALUES_MAX = 16
/** Selectors of one topic, besides the key. */
export const SELECTORS_MAX = 32

const NO_VALUES: readonly RouteValue[] = []

export class RouteReader {
  /** Whether streams are selected by the key. */
  readonly hasKey: boolean
  private readonly headers: readonly { readonly selector: number; readonly header: string }[] = []
  /** The selector of each wanted field. */
  private readonly fieldSelectors: readonly number[]
  private readonly wanted: WantedFields
  private readonly names: readonly string[]

  /** Throws a RangeError for more than SELECTORS_MAX selectors besides the key. */
  constructor(selectors: readonly Selector[]) {
    const others = selectors.filter(({ kind }) => kind !== 'key')
    if (others.length > SELECTORS_MAX)
      throw new RangeError(`a topic has at most ${SELECTORS_MAX} selectors besides its key`)
    this.hasKey = others.length < selectors.length
    this.names = others.map(({ name }) => name)
    this.headers = others.flatMap((one, selector) =>
      one.kind === 'header' ? [{ selector, header: one.header }] : [],
    )
    const fields = others.flatMap((one, selector) =>
      one.kind === 'field' ? [{ selector, path: one.path }] : [],
    )
    this.fieldSelectors = fields.map(({ selector }) => selector)
    this.wanted = new WantedFields(fields.map(({ path }) => path))
  }

  /** Whether a key that has a value may have had another before. */
  get canLeave(): boolean {
    return this.names.length > 0
  }

  /** The selector's number in `RouteValue`. -1 for one that the reader was not made for. */
  numberOf({ name }: Selector): number {
    return name === 'key' ? (this.hasKey ? KEY_SELECTOR : -1) : this.names.indexOf(name)
  }

  /**
   * The record's values besides its key: each different value of a header, and the text of each field. None of a
   * selector whose header or field is missing, null, or neither text nor number. A tombstone has no fields.
   */
  read({ value, headers }: RoutedRecord): readonly RouteValue[] {
    if (this.names.length === 0) return NO_VALUES
    const values: RouteValue[] = []
    for (const { selector, header } of this.headers) addHeader(values, selector, header, headers)
    if (this.fieldSelectors.length > 0 && value !== null) this.addFields(values, value)
    return values
  }

  private addFields(values: RouteValue[], value: Uint8Array): void {
    for (const [index, text] of fieldTexts(value, this.wanted).entries()) {
      const selector = this.fieldSelectors[index]
      if (text !== null && selector !== undefined) add(values, selector, Buffer.from(text))
    }
  }
}

function addHeader(
  values: RouteValue[],
  selector: number,
  name: string,
  headers: RoutedRecord['headers'],
): void {
  const first = values.length
  for (const header of headers) {
    if (header.name !== name || header.value === null || values.length - first === HEADER_VALUES_MAX) continue
    const { value } = header
    const isKnown = values.some(({ bytes }, at) => at >= first && Buffer.compare(bytes, value) === 0)
    if (!isKnown) add(values, selector, value)
  }
}

/** A value that is too long for a segment is too long for any selection. */
function add(values: RouteValue[], selector: number, bytes: Uint8Array): void {
  if (bytes.length <= ROUTE_BYTES_MAX) values.push({ selector, bytes })
}
