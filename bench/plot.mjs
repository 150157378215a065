// `npm run bench:plot`: draws the live workloads of a run, by default of the reference run, into docs/.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { drawBars } from './report/bars.mjs'
import { chartsOf } from './report/charts.mjs'

const REFERENCE = new URL('results/reference.json', import.meta.url)
const DOCS = new URL('../docs/', import.meta.url)

const [, , named] = process.argv
const report = JSON.parse(readFileSync(named === undefined ? REFERENCE : pathToFileURL(named), 'utf8'))
for (const { file, ...chart } of chartsOf(report)) {
  const target = new URL(file, DOCS)
  writeFileSync(target, drawBars(chart))
  process.stdout.write(`${fileURLToPath(target)}\n`)
}
