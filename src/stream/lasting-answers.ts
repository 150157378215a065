// Marks answers that stay open: streams. They have their own limits on slow peers, so the connection guard
// (src/http/connection-guard.ts) does not end them.

const lasting = new WeakSet<object>()

/** `answer`: HTTP/1.1's response or HTTP/2's stream. */
export function markLasting(answer: object): void {
  lasting.add(answer)
}

export function isLasting(answer: object): boolean {
  return lasting.has(answer)
}
