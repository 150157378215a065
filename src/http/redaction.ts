// Takes credentials out of what is about to be logged. Promise: the first 2 KiB of everything else stay as they were, the rest
// is left out, and no input, however long or odd, costs more than a few passes over those.

export const REDACTED = '[redacted]'
/** What a client sends can be 64 KiB: so much of it says enough, and the rest would only cost CPU without a token. */
export const LOGGED_CHARACTERS_MAX = 2048
/** Stands where a text was cut. */
export const CUT = '…'

/** A parameter whose name holds one of these words is a credential, however the name is cased or encoded. */
const CREDENTIAL_WORD =
  /token|secret|passw|authori[sz]ation|credential|api[-_]?key|jwt|assertion|bearer|signature/i
/** Short names are compared whole: `code` would hit `encode`. */
const CREDENTIAL_NAME = /(?:^|[;?&#\s])(?:auth|code|sig|pwd)$/i
/** What is without all of these holds neither a parameter nor a token, plain or encoded: most lines, which cost nothing then. */
const SUSPECT = /[=%]|eyJ|bearer/i
/** `{"` in base64url: how the header of every JWT begins. */
const TOKEN_START = 'eyJ'
/** Deeper than a URL inside a parameter of a URL inside a parameter nobody nests. */
const DECODINGS_MAX = 3

/** The URL with the value of every credential-like parameter, and everything that has a token's shape, replaced. */
export function redactUrl(url: string): string {
  return redactFront(url, redactUrlParts)
}

/** The same for free text, such as an error's message that quotes a URL or a header. */
export function redactText(text: string): string {
  return redactFront(text, (front) =>
    front.replace(/\bbearer\s+[^\s"',]+/gi, `Bearer ${REDACTED}`).replace(/\S+/g, redactUrlParts),
  )
}

/** An error's stack: its message, then its frames, each cut by itself, so that a long message does not hide where it was. */
export function redactStack(stack: string): string {
  const frames = stack.indexOf('\n    at ')
  if (frames < 0) return redactText(stack)
  return redactText(stack.slice(0, frames)) + redactText(stack.slice(frames))
}

/** Cuts first, so that nothing is done with the rest. The cut may have left the front of a token, which has no token's shape. */
function redactFront(text: string, redact: (front: string) => string): string {
  if (text.length <= LOGGED_CHARACTERS_MAX) return SUSPECT.test(text) ? redact(text) : text
  const front = text.slice(0, LOGGED_CHARACTERS_MAX)
  const pieceAt = lastPieceAt(front)
  if (!decoded(front.slice(pieceAt)).includes(TOKEN_START)) return redact(front) + CUT
  return redact(front.slice(0, pieceAt)) + REDACTED + CUT
}

/** Where the piece begins that the text ends in: no token has one of these characters in it. */
function lastPieceAt(text: string): number {
  let at = text.length
  while (at > 0 && !'/?& \t\r\n'.includes(text.charAt(at - 1))) at--
  return at
}

function redactUrlParts(url: string): string {
  const start = url.indexOf('?')
  const path = start < 0 ? url : url.slice(0, start)
  const redactedPath = path.split('/').map(redactSegment).join('/')
  if (start < 0) return redactedPath
  return `${redactedPath}?${url
    .slice(start + 1)
    .split('&')
    .map(redactParameter)
    .join('&')}`
}

function redactSegment(segment: string): string {
  const plain = decoded(segment)
  if (namesCredential(plain)) return REDACTED
  if (plain !== segment && redactTokens(plain) !== plain) return REDACTED
  return redactTokens(segment)
}

function redactParameter(parameter: string): string {
  const equals = parameter.indexOf('=')
  if (equals < 0) return redactSegment(parameter)
  const name = parameter.slice(0, equals)
  const value = parameter.slice(equals + 1)
  const plainName = decoded(name)
  const shownName = holdsCredential(plainName) ? REDACTED : name
  const isCredential = namesCredential(`${plainName}=`) || holdsCredential(decoded(value))
  return `${shownName}=${isCredential ? REDACTED : value}`
}

/** Whether it is itself a URL or a query with a credential, or holds a token. */
function holdsCredential(value: string): boolean {
  return redactTokens(value) !== value || namesCredential(value)
}

/** Whether the name of a credential stands before a `=` anywhere in it. */
function namesCredential(text: string): boolean {
  return text.split(/[/?&;#\s]/).some((part) => part.split('=').slice(0, -1).some(isCredentialName))
}

function isCredentialName(name: string): boolean {
  return CREDENTIAL_WORD.test(name) || CREDENTIAL_NAME.test(name)
}

/**
 * What has the shape of a JWT, anywhere in the text; a JSON text stays one. Every run of token characters is matched
 * whole, so that no input makes the search start again and again.
 */
export function redactTokens(text: string): string {
  if (!text.includes(TOKEN_START)) return text
  return text.replace(/[\w.-]+/g, (run) => {
    const start = run.indexOf(TOKEN_START)
    return start >= 0 && run.indexOf('.', start) >= 0 ? run.slice(0, start) + REDACTED : run
  })
}

function decoded(text: string): string {
  let plain = text
  for (let pass = 0; pass < DECODINGS_MAX && plain.includes('%'); pass++) {
    plain = plain.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
  }
  return plain
}
