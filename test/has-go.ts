// Whether this machine can build the bench's load generator.

import { execFileSync } from 'node:child_process'

export function hasGo(): boolean {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    process.stderr.write('No Go here: the bench and its tests are left out.\n')
    return false
  }
}
