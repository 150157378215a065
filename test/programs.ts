// Programs that a machine may lack: the tests that need one are left out loudly, and under CI that is a failure.

import { spawnSync } from 'node:child_process'

/** Whether all of them can be run. `tests` says what is left out otherwise. */
export function hasPrograms(tests: string, ...programs: string[]): boolean {
  const missing = programs.filter(
    (program) => spawnSync(program, ['-V'], { stdio: 'ignore' }).error !== undefined,
  )
  if (missing.length === 0) return true
  leaveOut(tests, `no ${missing.join(', no ')} on this machine`)
  return false
}

export function leaveOut(tests: string, why: string): void {
  if (process.env.CI) throw new Error(`${tests}: ${why}`)
  console.warn(`\n  !! LEFT OUT: ${tests} (${why})\n`)
}
