// Media types of requests (RFC 9110 sections 8.3 and 12.5.1). Ignores parameters other than `q=0`.

/** Whether an Accept header accepts `type`. No header accepts everything. */
export function accepts(header: string | undefined, type: string): boolean {
  if (header === undefined || header.trim() === '') return true
  const ranges = rangesOf(header)
  const [kind] = type.split('/')
  // The most specific range that matches decides (RFC 9110 section 12.5.1).
  for (const range of [type, `${kind}/*`, '*/*']) {
    const found = ranges.find(({ name }) => name === range)
    if (found !== undefined) return found.isWanted
  }
  return false
}

/** Whether the header names `type` itself. */
export function acceptsByName(header: string | undefined, type: string): boolean {
  return rangesOf(header ?? '').some(({ name, isWanted }) => name === type && isWanted)
}

/** A media type without its parameters, in lower case. */
export function mediaType(header: string | undefined): string {
  return (header ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

function rangesOf(header: string): { name: string; isWanted: boolean }[] {
  return header
    .split(',')
    .map((range) => ({ name: mediaType(range), isWanted: !/;\s*q=0(\.0*)?\s*(;|$)/i.test(range) }))
}
