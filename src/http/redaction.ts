// Removes credentials from text that is about to be logged. Promise: the first 2 KiB of other text stay as they are,
// and the rest is left out; but what a terminal obeys, and a host's logger would not escape, is escaped. Any input
// costs at most a few passes over those 2 KiB.

import { printableInJson } from '../text/printable.ts'

export const REDACTED = '[redacted]'
/** A client can send 64 KiB without a token; redacting all of it would only cost CPU. */
export const LOGGED_CHARACTERS_MAX = 2048
/** Marks where a text was cut. */
export const CUT = '…'

/** A parameter with one of these words in its name is a credential, in any case and encoding. */
const CREDENTIAL_WORD =
  /token|secret|passw|authori[sz]ation|credential|api[-_]?key|jwt|assertion|bearer|signature/i
/** Short names are compared whole, because `code` would match `encode`. */
const CREDENTIAL_NAME = /(?:^|[;?&#\s])(?:auth|code|sig|pwd|ticket)$/i
/**
 * Text without any of these holds no parameter and no token, plain or encoded. Most lines are such text, and cost
 * nothing.
 */
const SUSPECT = /[=%@]|"\s*:|eyJ|kst_|bearer|authori[sz]ation:/i
/** `{"` in base64url: how the header of every JWT begins. */
const TOKEN_START = 'eyJ'
/** What follows the word `bearer`, but for the sentences of ours that say "a bearer token is required". */
const BEARER = /\bbearer\s+(?!tokens?[.,;:)]*(?:\s|$))[^\s"',]+/gi
/** What stands before the host of a URL: a user and a password, or a token. */
const USER_OF_URL = /:\/\/[^\s/?#"'<>]*@/g
/** A header in words: all of its value, with the scheme. */
const HEADER =
  /\b(authori[sz]ation:\s*)(?:(?:basic|digest|negotiate|apikey|aws4-\S+)\s+)?(?!bearer\s)[^\s"',]+/gi
/** A member of an object in JSON, and the same in a text that stands in JSON itself. A text that was cut has no end. */
const MEMBERS = [
  /("([\w.-]{1,64})"\s{0,8}:\s{0,8}")((?:[^"\\]|\\.)*)/g,
  /(\\"([\w.-]{1,64})\\"\s{0,8}:\s{0,8}\\")([^"\\]*)/g,
]
/** How our own tickets begin: src/tickets/sealed-tickets.ts. */
const TICKET_START = 'kst_'
/** Enough for a URL in a parameter of a URL in a parameter. */
const DECODINGS_MAX = 3

/** Replaces the value of every credential-like parameter, and all text with the shape of a token. */
export function redactUrl(url: string): string {
  return redactFront(url, redactUrlParts)
}

/**
 * The same for free text, such as an error's message that quotes a URL, a header or JSON. The user and the password of
 * a URL are left out, too.
 */
export function redactText(text: string): string {
  return redactFront(text, (front) =>
    MEMBERS.reduce(redactMembers, front)
      .replace(USER_OF_URL, `://${REDACTED}@`)
      .replace(HEADER, `$1${REDACTED}`)
      .replace(BEARER, `Bearer ${REDACTED}`)
      .replace(/\S+/g, redactUrlParts),
  )
}

function redactMembers(text: string, member: RegExp): string {
  return text.replace(member, (whole, head: string, name: string) =>
    CREDENTIAL_WORD.test(name) ? head + REDACTED : whole,
  )
}

/** An error's stack. Its message and its frames are cut separately, so that a long message does not hide the frames. */
export function redactStack(stack: string): string {
  const frames = stack.indexOf('\n    at ')
  if (frames < 0) return redactText(stack)
  return redactText(stack.slice(0, frames)) + redactText(stack.slice(frames))
}

/**
 * Cuts first, so that the rest costs nothing. The cut may leave the beginning of a token, which lacks a token's shape.
 */
function redactFront(text: string, redact: (front: string) => string): string {
  return printableInJson(withoutCredentials(text, redact))
}

function withoutCredentials(text: string, redact: (front: string) => string): string {
  if (text.length <= LOGGED_CHARACTERS_MAX) return SUSPECT.test(text) ? redact(text) : text
  const front = text.slice(0, LOGGED_CHARACTERS_MAX)
  const pieceAt = lastPieceAt(front)
  const piece = decoded(front.slice(pieceAt))
  if (!piece.includes(TOKEN_START) && !piece.includes(TICKET_START)) return redact(front) + CUT
  return redact(front.slice(0, pieceAt)) + REDACTED + CUT
}

/** Where the last piece of the text begins. No token contains one of these characters. */
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

/** Whether the value holds a token, or is a URL or a query with a credential. */
function holdsCredential(value: string): boolean {
  return redactTokens(value) !== value || namesCredential(value)
}

/** Whether a credential's name stands before a `=` anywhere in the text. */
function namesCredential(text: string): boolean {
  return text.split(/[/?&;#\s]/).some((part) => part.split('=').slice(0, -1).some(isCredentialName))
}

function isCredentialName(name: string): boolean {
  return CREDENTIAL_WORD.test(name) || CREDENTIAL_NAME.test(name)
}

/**
 * Removes all text with the shape of a JWT or of a ticket; a JSON text stays valid. Each run of token characters is
 * matched whole, so that no input makes the search quadratic.
 */
export function redactTokens(text: string): string {
  if (!text.includes(TOKEN_START) && !text.includes(TICKET_START)) return text
  return text.replace(/[\w.-]+/g, (run) => {
    const ticketAt = run.indexOf(TICKET_START)
    const front = ticketAt < 0 ? run : run.slice(0, ticketAt)
    const tokenAt = front.indexOf(TOKEN_START)
    if (tokenAt >= 0 && run.indexOf('.', tokenAt) >= 0) return run.slice(0, tokenAt) + REDACTED
    return ticketAt < 0 ? run : front + REDACTED
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
