// Options that describe a route to @fastify/swagger and its like, and change nothing of what it takes and answers.

import type { FastifyInstance, FastifySchema } from 'fastify'
import type { OperationSchema } from '../../src/description/schema.ts'

export interface DescribedRoute {
  readonly schema: FastifySchema
  readonly validatorCompiler: () => () => true
  readonly serializerCompiler: () => (payload: unknown) => string
  readonly config?: { readonly swaggerTransform: false }
}

/**
 * The handlers check requests themselves, in the order of docs/protocol.md, and a host's error handler may answer with
 * any body. So nothing is compiled of the schema.
 */
export function described(app: FastifyInstance, schema: OperationSchema): DescribedRoute {
  const compilers = { validatorCompiler: () => () => true as const, serializerCompiler: () => serialized }
  return { schema, ...compilers, ...(hasOtherSchemas(app) && { config: { swaggerTransform: false } }) }
}

/**
 * Whether the host's schemas may be of another kind than JSON Schema, such as Zod's, so that it compiles them itself.
 * Its `transform` of @fastify/swagger makes JSON Schema of that kind alone, and would throw at ours.
 */
function hasOtherSchemas(app: FastifyInstance): boolean {
  return app.validatorCompiler !== undefined
}

/** For a route that no document shows. `hide` is of @fastify/swagger. */
export function hidden(): Pick<DescribedRoute, 'schema'> {
  const schema: FastifySchema & { readonly hide: true } = { hide: true }
  return { schema }
}

/** What Fastify writes without a schema. It hands over an error as an object whose prototype is the error. */
function serialized(payload: unknown): string {
  if (!(payload instanceof Error)) return JSON.stringify(payload)
  // Fastify adds `error`, and @fastify/error the two others.
  const { statusCode, code, error, message } = payload as Error & Readonly<Record<string, unknown>>
  return JSON.stringify({ statusCode, code, error, message })
}
