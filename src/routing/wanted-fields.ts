// Finds where the wanted fields of a JSON value stand, by one pass over its bytes that checks them all. Promise: it
// builds no document and does not recurse. It notes two numbers for each wanted field and for each parent of one.

import { isUtf8 } from 'node:buffer'
import {
  byteAt,
  COMMA,
  colonEnd,
  OPEN_LIST,
  OPEN_OBJECT,
  REFUSED,
  spaceEnd,
  stringEnd,
  TO_CLOSE,
  valueEnd,
} from './json-grammar.ts'
import { hasEscape, nameBytes, ROOM_BYTES, unescapeName } from './json-names.ts'

/** A field by its path from the root: names, unescaped. A list's elements have decimal indexes as names. */
export type FieldPath = readonly string[]

/** Where a field stands: from its first byte to behind its last. */
export interface FieldRange {
  readonly start: number
  readonly end: number
}

const LIST_INDEX = /^(?:0|[1-9][0-9]*)$/
const NOWHERE = -1
const IN_OBJECT = -1

/** The fields that are wanted of many values. Made once for them. */
export class WantedFields {
  /** Of each path. */
  private readonly fields: readonly Place[]
  private readonly root = new Place(null, '')
  private readonly places: Place[] = [this.root]
  /** For a name with escapes. */
  private readonly unescaped: Uint8Array

  constructor(paths: readonly FieldPath[]) {
    this.fields = paths.map((path) => path.reduce((place, name) => this.placeIn(place, name), this.root))
    this.unescaped = new Uint8Array(Math.max(...this.places.map(({ bytes }) => bytes.length)) + ROOM_BYTES)
  }

  private placeIn(parent: Place, name: string): Place {
    const known = parent.members.find((member) => member.name === name)
    if (known !== undefined) return known
    const place = new Place(parent, name)
    this.places.push(place)
    return place
  }

  /**
   * Where each field stands; null for one that is missing, and for each if the bytes are not UTF-8 that JSON.parse
   * accepts. Of duplicate members the last counts, and of duplicate parents only what is in the last one.
   */
  rangesIn(bytes: Uint8Array): (FieldRange | null)[] {
    for (const place of this.places) place.start = NOWHERE
    const isJson = isUtf8(bytes) && new Scan(bytes, this.unescaped).isWhole(this.root)
    return this.fields.map((place) => (isJson && isThere(place) ? place : null))
  }
}

/** A value that is wanted, or that a wanted one may be in. */
class Place {
  readonly parent: Place | null
  readonly name: string
  readonly bytes: Uint8Array
  readonly mark: number
  readonly members: Place[] = []
  /** Those of the members that are elements if the value is a list. */
  readonly elements = new Map<number, Place>()
  /** Where it was last seen, in this parent or in an earlier one. */
  start = NOWHERE
  /** Not set for a value that was entered. */
  end = NOWHERE
  /** Of the next element, while the scan is inside. */
  index = IN_OBJECT

  constructor(parent: Place | null, name: string) {
    this.parent = parent
    this.name = name
    this.bytes = nameBytes(name)
    this.mark = markOf(this.bytes, 0, this.bytes.length)
    parent?.members.push(this)
    if (LIST_INDEX.test(name)) parent?.elements.set(Number(name), this)
  }
}

/** Whether it was last seen in what its parents were last seen as: a duplicate of a parent begins behind it. */
function isThere(field: Place): boolean {
  for (let place = field; place.parent !== null; place = place.parent)
    if (place.start <= place.parent.start) return false
  return true
}

class Scan {
  private readonly bytes: Uint8Array
  private readonly unescaped: Uint8Array
  private at = 0
  /** The object or the list whose members are read one by one: the others are passed as a whole. */
  private inside: Place | null = null
  private isAtFirst = false

  constructor(bytes: Uint8Array, unescaped: Uint8Array) {
    this.bytes = bytes
    this.unescaped = unescaped
  }

  /** Reads to the end. false if the bytes are not one JSON value. */
  isWhole(root: Place): boolean {
    this.at = spaceEnd(this.bytes, 0)
    this.readPlace(root)
    while (this.inside !== null) this.readOn(this.inside)
    return spaceEnd(this.bytes, this.at) === this.bytes.length
  }

  private readPlace(place: Place): void {
    const { bytes, at } = this
    place.start = at
    const code = byteAt(bytes, at)
    if (code === OPEN_OBJECT ? place.members.length > 0 : code === OPEN_LIST && place.elements.size > 0) {
      place.index = code === OPEN_LIST ? 0 : IN_OBJECT
      this.at = at + 1
      this.inside = place
      this.isAtFirst = true
      return
    }
    this.at = valueEnd(bytes, at)
    place.end = this.at
  }

  /** Reads the next member, or what closes the object or list. */
  private readOn(inside: Place): void {
    const at = spaceEnd(this.bytes, this.at)
    const code = byteAt(this.bytes, at)
    const close = (inside.index === IN_OBJECT ? OPEN_OBJECT : OPEN_LIST) + TO_CLOSE
    if (code === close) {
      this.at = at + 1
      this.inside = inside.parent
      this.isAtFirst = false
    } else if (this.isAtFirst || code === COMMA) {
      this.at = this.isAtFirst ? at : spaceEnd(this.bytes, at + 1)
      this.isAtFirst = false
      this.readMember(inside)
    } else {
      this.at = REFUSED
      this.inside = null
    }
  }

  private readMember(inside: Place): void {
    const place = inside.index === IN_OBJECT ? this.readName(inside) : inside.elements.get(inside.index++)
    if (place === undefined) this.at = valueEnd(this.bytes, this.at)
    else this.readPlace(place)
  }

  /** Passes a name and its colon. The place of that name; undefined if it is not wanted. */
  private readName(inside: Place): Place | undefined {
    const { bytes, at, unescaped } = this
    const end = stringEnd(bytes, at)
    this.at = colonEnd(bytes, end)
    if (this.at === REFUSED) return undefined
    if (!hasEscape(bytes, at + 1, end - 1)) return named(inside.members, bytes, at + 1, end - 1)
    return named(inside.members, unescaped, 0, unescapeName(bytes, at + 1, unescaped))
  }
}

function named(members: readonly Place[], bytes: Uint8Array, start: number, end: number): Place | undefined {
  const mark = markOf(bytes, start, end)
  for (const member of members) if (member.mark === mark && isSame(member.bytes, bytes, start)) return member
  return undefined
}

/** Length and last byte, by which most names differ. Names of the same mark have the same length. */
function markOf(bytes: Uint8Array, start: number, end: number): number {
  return (end - start) * 256 + (end === start ? 0 : (bytes[end - 1] ?? 0))
}

function isSame(name: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let at = 0; at < name.length; at++) if (name[at] !== bytes[start + at]) return false
  return true
}
