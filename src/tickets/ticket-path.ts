// Where a stream's tickets are asked for: below the stream's path.

/** The path in Fastify's notation; null if the stream's own cannot be followed by anything. */
export function ticketPath(path: string): string | null {
  if (path.endsWith('*')) return null
  return `${path.replace(/\/$/, '')}/ticket`
}
