// Takes credentials out of what is about to be logged. Promise: everything else stays as it was, and no input,
// however long or odd, costs more than a few passes over it.

export const REDACTED = '[redacted]'

/** A parameter whose name holds one of these words is a credential, however the name is cased or encoded. */
const CREDENTIAL_WORD =
  /token|secret|passw|authori[sz]ation|credential|api[-_]?key|jwt|assertion|bearer|signature/i
/** Short names are compared whole: `code` would hit `encode`. */
const CREDENTIAL_NAME = /(?:^|[;?&#\s])(?:auth|code|sig|pwd)$/i
/** Deeper than a URL inside a parameter of a URL inside a parameter nobody nests. */
const DECODINGS_MAX = 3

/** The URL with the value of every credential-like parameter, and everything that has a token's shape, replaced. */
export function redactUrl(url: string): string {
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

/** The same for free text, such as an error's message that quotes a URL or a header. */
export function redactText(text: string): string {
  return text.replace(/\bbearer\s+[^\s"',]+/gi, `Bearer ${REDACTED}`).replace(/\S+/g, redactUrl)
}

function redactSegment(segment: string): string {
  const plain = decoded(segment)
  const equals = plain.indexOf('=')
  if (equals >= 0 && isCredentialName(plain.slice(0, equals))) return REDACTED
  if (plain !== segment && redactTokens(plain) !== plain) return REDACTED
  return redactTokens(segment)
}

function redactParameter(parameter: string): string {
  const equals = parameter.indexOf('=')
  if (equals < 0) return redactSegment(parameter)
  const name = parameter.slice(0, equals)
  const value = parameter.slice(equals + 1)
  if (isCredentialName(decoded(name))) return `${name}=${REDACTED}`
  return `${redactTokens(name)}=${holdsCredential(decoded(value)) ? REDACTED : value}`
}

/** A value that is itself a URL or a query, or holds a token. */
function holdsCredential(value: string): boolean {
  if (redactTokens(value) !== value) return true
  const parts = value.split(/[?&;#]/)
  return parts.some((part) => part.includes('=') && isCredentialName(part.slice(0, part.indexOf('='))))
}

function isCredentialName(name: string): boolean {
  return CREDENTIAL_WORD.test(name) || CREDENTIAL_NAME.test(name)
}

/**
 * What has the shape of a JWT, anywhere in the text; a JSON text stays one. Every run of token characters is matched
 * whole, so that no input makes the search start again and again.
 */
export function redactTokens(text: string): string {
  return text.replace(/[\w.-]+/g, (run) => {
    const start = run.indexOf('eyJ')
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
