// Counts what vitest's JSON report says and prints `N passed, N failed`. Fails where anything failed, where nothing was
// tested, and where there is no report: the run ended before its tests.

import { readFileSync } from 'node:fs'

const { passed, failed } = count(readReport(process.argv[2]))
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0

/** A file that failed before its first test counts as one: none of its tests is in the figures. */
function count(report) {
  const files = report.testResults ?? []
  const broken = files.filter(({ status, assertionResults }) => {
    return status === 'failed' && !assertionResults.some((test) => test.status === 'failed')
  })
  const failed = (report.numFailedTests ?? 0) + broken.length
  // Errors outside of tests, unhandled rejections among them, show nowhere but here.
  return { passed: report.numPassedTests ?? 0, failed: failed === 0 && !report.success ? 1 : failed }
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    console.error(`no report of the tests: ${error.code ?? error.message}`)
    return { success: false }
  }
}
