// Builds the Go programs of the bench from the present sources into bench/build.

import { execFileSync } from 'node:child_process'
import { renameSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FOLDER = new URL('../build/', import.meta.url)

/** @param {string} name what the program is called in bench/build @returns {string} its path, built or not */
export function programPath(name) {
  return fileURLToPath(new URL(name, FOLDER))
}

/** @param {URL} source folder of its main package, in a module of its own @param {string} name */
export function buildProgram(source, name) {
  // Renamed into its place, because another process may build the same program, or run it already.
  const unfinished = `${programPath(name)}.${process.pid}`
  execFileSync('go', ['build', '-trimpath', '-o', unfinished, '.'], {
    cwd: source,
    stdio: ['ignore', 2, 2],
  })
  renameSync(unfinished, programPath(name))
}
