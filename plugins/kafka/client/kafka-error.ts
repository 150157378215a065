// What an error of node-rdkafka says: librdkafka's code, and words for an operator.

/** librdkafka's number of an error; NaN for an error without one. */
export function codeOf(error: unknown): number {
  return error instanceof Error && 'code' in error ? Number(error.code) : Number.NaN
}
