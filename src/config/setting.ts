// The schema of one setting, and functions for parts that are registered without validation of all options.

/** A JSON Schema with four keywords of ours: `env`, `expects`, `secret` and `callable`. */
export interface Setting {
  readonly type?: string | readonly string[]
  readonly description: string
  /** The environment variable that sets it. */
  readonly env?: string
  /** The accepted values in words, for messages and docs, where `pattern` would not be readable. */
  readonly expects?: string
  /** The value is a credential or may hold one: no message quotes it. */
  readonly secret?: true
  readonly nullable?: true
  /** The value is a function. */
  readonly callable?: true
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly uniqueItems?: true
  readonly maxProperties?: number
  readonly pattern?: string
  readonly enum?: readonly string[]
  readonly items?: Setting
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Setting>>
  /** `expects`: what a name is, for messages, such as `a name of a header`. */
  readonly propertyNames?: { readonly pattern: string; readonly expects: string }
  readonly additionalProperties?: false | Setting
}

/** `T` in which the properties `D` are not optional. */
type Filled<T, D extends keyof T> = T & { readonly [Name in D]-?: Exclude<T[Name], undefined> }

/**
 * Options of a part, with the schema's defaults for those of `names` that are missing or undefined. For a part that is
 * registered by itself, with options that the schema has not checked. Throws for a name without a default.
 */
export function withDefaults<T extends object, D extends keyof T & string>(
  options: T,
  settings: Readonly<Record<D, Setting>>,
  names: readonly D[],
): Filled<T, D> {
  const defaults = names.map((name) => {
    const { default: value } = settings[name]
    if (value === undefined) throw new Error(`the schema has no default of ${name}`)
    return [name, options[name] ?? value]
  })
  return { ...options, ...Object.fromEntries(defaults) }
}

/**
 * The named numbers of a part's options, with the schema's defaults. Throws a RangeError for a number outside the
 * schema's range; it names the option, `part` included.
 */
export function numbersInRange<D extends string>(
  part: string,
  options: { readonly [Name in D]?: number },
  settings: Readonly<Record<D, Setting>>,
  names: readonly D[],
): Readonly<Record<D, number>> {
  const filled: Readonly<Record<D, number>> = withDefaults(options, settings, names)
  const numbers = names.map((name) => {
    const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = settings[name]
    const value = filled[name]
    if (Number.isFinite(value) && value >= minimum && value <= maximum) return [name, value]
    throw new RangeError(`${part}.${name} must be a number from ${minimum} to ${maximum}`)
  })
  return Object.fromEntries(numbers) // one entry for each name
}
