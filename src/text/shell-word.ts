// Text of others in a command that a reader pastes into a shell.

/** Characters that a shell takes as they are. */
const PLAIN_WORD = /^[\w./:@%+=,-]+$/

/** One word of a command in a POSIX shell, whose program is given the text as it is. */
export function shellWord(text: string): string {
  return PLAIN_WORD.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
