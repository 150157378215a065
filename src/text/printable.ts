// Text of others for a terminal. Promise: nothing in it acts on the terminal, such as to move the cursor over other
// lines, to set a title, to write into the clipboard, or to show what follows in another order (UAX 9).

const CONTROL = /[^\P{Cc}\t\n]|[\u202a-\u202e\u2066-\u2069]/gu

/**
 * The same with control characters as JSON writes them, but for tabs and line feeds. JSON stays the same JSON: its own
 * writers escape those of ASCII alone, and a terminal obeys others, too.
 */
export function printable(text: string): string {
  return text.replace(CONTROL, escaped)
}

/** What a terminal obeys, and those who write JSON do not escape. */
const UNESCAPED = /[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g

/** For text that others write as JSON, such as the logger of a host. The reader sees the escape as it stands here. */
export function printableInJson(text: string): string {
  return text.replace(UNESCAPED, escaped)
}

/** A character as JSON may write it. */
export function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** `printable` on one line, so that the text cannot look like further lines. */
export function printableLine(text: string): string {
  return printable(text.replace(/\s*\n\s*/g, ' '))
}
