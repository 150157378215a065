// A value of a configuration with the line on which it stands. Promise: every place that is neither read nor noted is
// found again by `unread`, so that no line is passed over in silence.

/** What a place holds: a list of places, places by name, or one value. */
export type Content =
  | { readonly kind: 'map'; readonly members: ReadonlyMap<string, YamlPlace> }
  | { readonly kind: 'list'; readonly items: readonly YamlPlace[] }
  | { readonly kind: 'value'; readonly value: unknown }

export interface PlaceParts {
  readonly line: number
  /** Names from the top, such as `bindings.north.options`. */
  readonly path: string
  readonly content: Content
}

export class YamlPlace {
  readonly line: number
  readonly path: string
  readonly content: Content
  private isRead = false

  constructor({ line, path, content }: PlaceParts) {
    this.line = line
    this.path = path
    this.content = content
  }

  /** The member of this name, which counts as read; null if there is none. */
  member(name: string): YamlPlace | null {
    this.isRead = true
    const member = this.content.kind === 'map' ? this.content.members.get(name) : undefined
    if (member === undefined) return null
    member.isRead = true
    return member
  }

  /** The member at the end of this way of names; null if one is missing. */
  at(...names: readonly string[]): YamlPlace | null {
    return names.reduce<YamlPlace | null>((place, name) => place?.member(name) ?? null, this)
  }

  /** All members, which count as read. None if this is no map. */
  members(): readonly (readonly [name: string, member: YamlPlace])[] {
    this.isRead = true
    const { content } = this
    return content.kind === 'map' ? [...content.members].map(([name, member]) => [name, member.read()]) : []
  }

  /** All items, which count as read. A single value is a list of one, because Zilla takes it for one, too. */
  items(): readonly YamlPlace[] {
    this.isRead = true
    if (this.content.kind === 'list') return this.content.items.map((item) => item.read())
    return this.content.kind === 'value' && this.content.value !== null ? [this] : []
  }

  /** The text of a value, a number's as JavaScript writes it; null if this is no text and no number. */
  text(): string | null {
    this.isRead = true
    const value = this.content.kind === 'value' ? this.content.value : null
    return typeof value === 'string' || typeof value === 'number' ? String(value) : null
  }

  /** Counts as read with all that it holds. */
  readAll(): void {
    this.isRead = true
    for (const inner of this.inner()) if (!inner.isRead || inner.content.kind !== 'value') inner.readAll()
  }

  /** The outermost places that nothing has read. */
  *unread(): Generator<YamlPlace> {
    if (!this.isRead) yield this
    else for (const inner of this.inner()) yield* inner.unread()
  }

  private read(): this {
    this.isRead = true
    return this
  }

  private inner(): Iterable<YamlPlace> {
    if (this.content.kind === 'map') return this.content.members.values()
    return this.content.kind === 'list' ? this.content.items : []
  }
}

/** Names from the top, for a message. */
export function pathBelow(path: string, name: string | number): string {
  if (typeof name === 'number') return `${path}[${name}]`
  return path === '' ? name : `${path}.${name}`
}
