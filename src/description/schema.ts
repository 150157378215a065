// The shapes of descriptions: JSON Schema, as far as it is used here, and a route's schema in Fastify's form, of which
// @fastify/swagger makes the host's own document. Functions make them, because readers of a route's schema change it.

/** JSON Schema, in the common part of draft 7 (AsyncAPI) and 2020-12 (OpenAPI 3.1). */
export interface ValueSchema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly enum?: readonly (string | number | boolean)[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly maxItems?: number
  readonly contentEncoding?: string
  readonly items?: ValueSchema
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, ValueSchema>>
  readonly additionalProperties?: false
}

export interface ObjectSchema extends ValueSchema {
  readonly type: 'object'
  readonly properties: Readonly<Record<string, ValueSchema>>
}

/** An answer. `type: 'null'` is one without a body. */
export interface AnswerSchema {
  readonly description: string
  readonly type?: 'null'
  readonly headers?: Readonly<Record<string, ValueSchema>>
  readonly content?: Readonly<Record<string, { readonly schema: ValueSchema }>>
}

/** A method of a path. */
export interface OperationSchema {
  readonly summary: string
  readonly description: string
  readonly tags: readonly string[]
  readonly params?: ObjectSchema
  readonly querystring?: ObjectSchema
  readonly headers?: ObjectSchema
  /** By status. */
  readonly response: Readonly<Record<string, AnswerSchema>>
}

/** A method that takes a form as its body. */
export interface FormSchema extends OperationSchema {
  readonly consumes: readonly ['application/x-www-form-urlencoded']
  readonly body: ObjectSchema
}

/** Has all of these members, and no other. */
export function wholeObjectOf(properties: Readonly<Record<string, ValueSchema>>): ObjectSchema {
  return { ...objectOf(properties), required: Object.keys(properties), additionalProperties: false }
}

export function objectOf(properties: Readonly<Record<string, ValueSchema>>): ObjectSchema {
  return { type: 'object', properties }
}
