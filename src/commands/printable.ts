// Text of others for a terminal. Promise: nothing in it acts on the terminal, such as to move the cursor over other
// lines, to set a title, or to write into the clipboard.

const CONTROL = /[^\P{Cc}\t\n]/gu

/** The same with control characters as JSON writes them, but for tabs and line feeds. */
export function printable(text: string): string {
  return text.replace(CONTROL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
