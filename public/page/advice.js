// What to do about a stream's error or end: a sentence to stand next to it.

const BY_CODE = {
  lost: (origin) =>
    `Look whether the server runs and can be reached. If this browser does not know its certificate, open ${origin} in a tab and trust it there.`,
  silent: () =>
    'Look for a proxy between this page and the server that holds answers back or lost the connection.',
  token: () => 'Look at the server that issues the tokens; or paste a token in the form.',
  'no-token': () => 'Paste a token in the form, then press Go.',
  'bad-token': () => 'Paste a token in the form, then press Go.',
  'not-an-event-stream': () =>
    'Something else answers at this location. Give the path of a stream, such as /events.',
  'event-too-large': () => 'Choose other records: this one is longer than a client takes.',
  renewal: () => 'Paste a newer token in the form, before this one expires.',
}

const BY_STATUS = {
  204: () => 'The server wants no further connection. Press Go to ask again.',
  400: () => 'Change what the location or the keys ask for.',
  401: () => 'Paste a newer token in the form. The server’s log says which check this one fails.',
  403: () => 'Paste a token that grants this stream: its scope, or the records at this path, are refused.',
  404: () => 'Look at the path: it is none of the server’s streams, or its topic is not there.',
  421: () => 'Use the name by which the server knows itself.',
  429: () => 'Too many streams are open, or come too fast. Close some; the page tries again by itself.',
  503: () => 'The server takes no streams now. Its /health/ready says why; the page tries again by itself.',
}

const BY_END = {
  expired: () => 'The page reconnects with a new token.',
  revoked: () => 'Its token was revoked: sign in again, or paste another token.',
  slow: () => 'The page read too slowly. It reconnects, and goes on where it was.',
  shutdown: () => 'The server is stopping. The page reconnects, and goes on where it was.',
  'too-old': () => 'The page read too slowly, and its place is gone. It starts from the beginning.',
  busy: () => 'The server has no room for the stream now. The page tries again by itself.',
}

export function adviceForError({ code, status }, origin) {
  const advise = BY_STATUS[status] ?? BY_CODE[code] ?? (() => 'The server’s log says more.')
  return advise(origin)
}

export function adviceForEnd(reason) {
  // A reason is text of the server's, such as `constructor`.
  return Object.hasOwn(BY_END, reason) ? BY_END[reason]() : 'The page reconnects by itself.'
}

export const EXPIRED_ADVICE = 'Check Reauthorize to answer the next challenge, then press Go.'
