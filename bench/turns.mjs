// `npm run bench:turns`: the longest turn of the event loop at the limits. Each scenario runs in a process of its own,
// against the build of these sources and, if it is given, an older one. See bench/README.md.

import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeMachine } from './harness/machine.mjs'
import { endProcess, receiveMessage, startModule } from './harness/processes.mjs'
import { buildOurs } from './peers/ours/build.mjs'

const FILES = ['bus', 'streams', 'kafka', 'common-exp']
const BUILT = fileURLToPath(new URL('../dist', import.meta.url))
const ONE = new URL('turns/one.mjs', import.meta.url)
/** Longest CPU time of a thread in one turn. */
const TURN_MS_MAX = 20
/** Time for a scenario to end. */
const SCENARIO_MS = 300_000

const { values } = parseArgs({
  options: {
    /** A folder of older code, built, for the figures before. */
    dist: { type: 'string' },
    /** Words of a scenario's name, or the name of its file. */
    only: { type: 'string', default: '' },
  },
})
const older = values.dist === undefined ? null : resolve(values.dist)
buildOurs()
process.stdout.write(`${JSON.stringify(describeMachine())}\n\n`)
const builds = older === null ? [BUILT] : [older, BUILT]
const titles = older === null ? [''] : [' before', ' after']
const columns = [
  'scenario',
  ...titles.map((title) => `longest turn${title}, CPU ms`),
  ...titles.map((title) => `besides${title}`),
]
writeRow(columns)
writeRow(columns.map(() => '---'))

let isOver = false
for (const file of FILES) {
  const { scenarios } = await import(`./turns/${file}.mjs`)
  const isWanted = ({ name }) => file === values.only || name.includes(values.only)
  for (const { name } of scenarios.filter(isWanted)) {
    const results = []
    for (const dist of builds) results.push(await runOne(file, name, dist))
    const turns = results.map(({ longestTurnMs }) => longestTurnMs?.toFixed(1) ?? '-')
    writeRow([name, ...turns, ...results.map(({ details = '' }) => details)])
    isOver ||= !(results.at(-1).longestTurnMs <= TURN_MS_MAX)
  }
}
if (isOver) {
  process.stderr.write(`bench: a turn took longer than ${TURN_MS_MAX} ms, or a scenario failed\n`)
  process.exitCode = 1
}

/** Older code may lack what a scenario tests, or not end in time. Its row then says so. */
async function runOne(file, name, dist) {
  const child = startModule(ONE, [file, name, dist])
  const timer = setTimeout(() => child.kill('SIGKILL'), SCENARIO_MS)
  try {
    return await receiveMessage(child, 'result')
  } catch (error) {
    return { details: `failed: ${error.message}` }
  } finally {
    clearTimeout(timer)
    await endProcess(child)
  }
}

function writeRow(cells) {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}
