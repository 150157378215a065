// The built `kafka-sse` command, and the arguments for Node, which its first line names.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url))

/** @returns {string[]} */
export function nodeArguments() {
  const [, text] = /^#!\/usr\/bin\/env -S node (.*)/.exec(readFileSync(CLI, 'latin1')) ?? []
  if (text === undefined) throw new Error(`${CLI} does not begin with its interpreter`)
  return text.split(' ')
}
