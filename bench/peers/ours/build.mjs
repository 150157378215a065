// Builds our server from the present sources.

import { execFileSync } from 'node:child_process'

export function buildOurs() {
  const root = new URL('../../..', import.meta.url)
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 2, 2] })
}
