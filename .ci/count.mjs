// Adds up vitest's JSON reports, one for each run of the tests, and prints what has failed, each with the first line of
// its reason, and then `N passed, N failed`. Fails if a test has failed, a run had no tests, or a report is missing
// because its run ended before its tests.

import { readFileSync } from 'node:fs'
import { relative } from 'node:path'

// The rest is further up, where each run printed it.
const MOST_NAMED = 40

const reports = process.argv.slice(2).map(readReport)
const counts = reports.map(count)
const failures = reports.flatMap(failuresOf)
for (const line of failures.slice(0, MOST_NAMED)) console.log(line)
if (failures.length > MOST_NAMED) console.log(`failed: ${failures.length - MOST_NAMED} more`)
const sum = (name) => counts.reduce((total, counted) => total + counted[name], 0)
console.log(`${sum('passed')} passed, ${sum('failed')} failed`)
process.exitCode = sum('failed') > 0 || counts.some(({ passed }) => passed === 0) || counts.length === 0 ? 1 : 0

/** A file that failed before its first test counts as one failure, because the report has none of its tests. */
function count(report) {
  const files = report.testResults ?? []
  const broken = files.filter(({ status, assertionResults }) => {
    return status === 'failed' && !assertionResults.some((test) => test.status === 'failed')
  })
  const failed = (report.numFailedTests ?? 0) + broken.length
  // Errors outside of tests, such as unhandled rejections, show only in `success`.
  return { passed: report.numPassedTests ?? 0, failed: failed === 0 && !report.success ? 1 : failed }
}

function failuresOf({ testResults = [] }) {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(process.cwd(), name ?? '')
    const tests = assertionResults.filter((test) => test.status === 'failed')
    if (tests.length === 0 && status === 'failed') return [failure(file, message)]
    return tests.map(({ fullName, failureMessages = [] }) => failure(`${file}: ${fullName}`, failureMessages[0]))
  })
}

function failure(where, reason = '') {
  return `failed: ${where}: ${reason.split('\n', 1)[0]}`
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    console.error(`no report of the tests: ${error.code ?? error.message}`)
    return { success: false }
  }
}
