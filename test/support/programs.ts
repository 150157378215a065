// What a machine may lack. Tests that need it are left out, and the run says so at its end.

import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import rdkafka from 'node-rdkafka'
import { leaveOut } from './left-out.ts'

/** Whether all of them are to be found. `tests` says what is left out otherwise. */
export function hasPrograms(tests: string, ...programs: string[]): boolean {
  const missing = programs.filter((program) => programPath(program) === null)
  if (missing.length === 0) return true
  leaveOut(tests, `no ${missing.join(', no ')}`)
  return false
}

/** Whether librdkafka was built with all of them, by the names of its `builtin.features`. */
export function hasKafkaFeatures(tests: string, ...features: string[]): boolean {
  const missing = features.filter((feature) => !rdkafka.features.includes(feature))
  if (missing.length === 0) return true
  leaveOut(tests, `librdkafka was built without ${missing.join(', ')}`)
  return false
}

/** The first of the programs that there is, as a path; null if there is none. */
export function programPath(...names: string[]): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const paths = names.flatMap((name) => folders.map((folder) => join(folder, name)))
  return paths.find(canBeRun) ?? null
}

function canBeRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Whether Go is here, of the version that the module in the folder asks for, with all that the module is built from.
 */
export function canBuildGo(tests: string, folder: string): boolean {
  const { error, status, stderr } = spawnSync('go', ['mod', 'download'], { cwd: folder, encoding: 'utf8' })
  if (status === 0) return true
  leaveOut(tests, error === undefined ? `go: ${stderr.trim().split('\n').at(-1)}` : 'no go')
  return false
}
