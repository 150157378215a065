// What is said of one setting: the schema's vocabulary, JSON Schema's own and three words of ours.

/** A JSON Schema, and three words of ours: `env` names the variable, `expects` says in words what a pattern wants. */
export interface Setting {
  readonly type?: string | readonly string[]
  readonly description: string
  readonly env?: string
  readonly expects?: string
  /** The value is a credential or may hold one: no message quotes it. */
  readonly secret?: true
  readonly nullable?: true
  readonly callable?: true
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly maxProperties?: number
  readonly pattern?: string
  readonly enum?: readonly string[]
  readonly items?: Setting
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Setting>>
  readonly propertyNames?: { readonly pattern: string }
  readonly additionalProperties?: false | Setting
}
