// Builds the Go programs of the bench, of the sources as they stand, into bench/build.

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const FOLDER = new URL('build/', import.meta.url)

/** @param {string} name what the program is called in bench/build @returns {string} its path, built or not */
export function programPath(name) {
  return fileURLToPath(new URL(name, FOLDER))
}

/** @param {URL} source folder of its main package, in a module of its own @param {string} name */
export function buildProgram(source, name) {
  execFileSync('go', ['build', '-trimpath', '-o', programPath(name), '.'], {
    cwd: source,
    stdio: ['ignore', 2, 2],
  })
}
