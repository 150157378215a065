// A process takes longer to start than most unit tests to run. Those share one that nothing else in it could notice.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Parts of Kafka's native client, of a page and of threads outlive a test. */
const OF_THEIR_OWN = /^(client|kafka|threads)\//

/** What is put in place of something, and what the rest of its process may notice. */
const NOTICED =
  /\bvi\b|useFakeTime|globalThis|Symbol\.for|configureGlobal|process\.|performance\.|\bgc\(|Atomics|Worker\(|'node:(?!(buffer|crypto|fs|fs\/promises|module|os|path|url|util|zlib)')/

/** Paths of the test files below test/unit that run in a process with others, each with modules of its own. */
export function filesOfSharedProcesses(root: string): string[] {
  const unit = join(root, 'test/unit')
  const names = readdirSync(unit, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.test.ts'),
  )
  const shared = names.filter((name) => {
    return !OF_THEIR_OWN.test(name) && !NOTICED.test(readFileSync(join(unit, name), 'utf8'))
  })
  return shared.map((name) => `test/unit/${name}`)
}
