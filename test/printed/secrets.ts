// What must not be printed, and whether it was: plain functions, tested in test/house/printed.test.ts.

/** Less would be found by chance, too. */
const TRAIT_LENGTH_MIN = 20
/** Finds tokens that no test kept, such as those that a page got by itself. */
const TOKEN_SHAPE = /eyJ[\w-]{8,}\.[\w-]{8,}/
/** The same for tickets. */
const TICKET_SHAPE = /kst_[\w-]{40,}/
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/
const SHOWN_CHARACTERS = 160

/**
 * Strings that give a secret away, since none of them stands anywhere else. Of a JWT its signature: header and claims
 * are worth nothing without it, and no spelling of the token does. Without a signature all of it. Of a PEM each line of
 * its body.
 */
export function traitsOf(secret: string): string[] {
  if (secret.startsWith('-----BEGIN')) return secret.split('\n').filter(isTrait)
  return [secret.split('.')[2] ?? '', secret].filter(isTrait).slice(0, 1)
}

function isTrait(text: string): boolean {
  return text.length >= TRAIT_LENGTH_MIN && !text.startsWith('-----')
}

/** What was found in the text, a line for each kind, the secret itself left out. */
export function findSecrets(text: string, traits: Iterable<string>): string[] {
  const found: string[] = []
  const note = (what: string, secret: string | undefined): void => {
    if (secret !== undefined && text.includes(secret)) found.push(`${what} in: ${lineBefore(text, secret)}`)
  }
  for (const trait of traits) note('a secret of the tests', trait)
  note('what has the shape of a token', TOKEN_SHAPE.exec(text)?.[0])
  note('what has the shape of a ticket', TICKET_SHAPE.exec(text)?.[0])
  note('a private key', PRIVATE_KEY.exec(text)?.[0])
  return found
}

/** What stands before it on its line. */
function lineBefore(text: string, secret: string): string {
  const at = text.indexOf(secret)
  const before = text.slice(text.lastIndexOf('\n', at) + 1, at).replace(/[\w.+/-]+$/, '')
  return `${before.replaceAll(/eyJ[\w.-]+/g, '[HERE]').slice(-SHOWN_CHARACTERS)}[HERE]`
}
