// Answers that are meant to stay open: streams. They have limits of their own on what their peers take, and the guard of
// connections leaves them alone until they end.

const lasting = new WeakSet<object>()

/** `answer`: the response of HTTP/1.1, or the stream of HTTP/2. */
export function markLasting(answer: object): void {
  lasting.add(answer)
}

export function isLasting(answer: object): boolean {
  return lasting.has(answer)
}
