// What CI runs: the workflow by its text, .ci/run by its text, and the counting of its results.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { manifest, ROOT, read } from './project-files.ts'

describe('continuous integration', () => {
  test('the workflow runs .ci/run, which can be run, on every Node that is supported', () => {
    const { jobs } = parse(read('.github/workflows/ci.yml'))
    expect(jobs.test.strategy.matrix.node).toEqual([20, 22, 24, 26])
    expect(jobs.test.steps.at(-1)).toEqual({ run: '.ci/run' })
    expect(jobs.test.container).toEqual({
      image: `node:\${{ matrix.node }}-bookworm`,
      options: '--privileged',
    })
    const go = jobs.test.steps.find((step: { uses?: string }) => step.uses?.startsWith('actions/setup-go'))
    for (const path of Object.values<string>(go.with)) expect(existsSync(join(ROOT, path)), path).toBe(true)
  })

  test('the workflow tries each package manager with the commands that docs/plugin.md gives', () => {
    const { jobs } = parse(read('.github/workflows/ci.yml'))
    const commands = jobs['package-managers'].steps.flatMap(({ run }: { run?: string }) => run ?? [])
    expect(commands.at(-1)).toBe('node .ci/package-managers.mjs')
    const script = read('.ci/package-managers.mjs')
    const page = read('docs/plugin.md')
    for (const command of [
      'npm install fastify-kafka-sse fastify',
      'npm approve-scripts node-rdkafka',
      'npm rebuild node-rdkafka',
      'pnpm add fastify-kafka-sse fastify',
      'pnpm approve-builds node-rdkafka',
      'yarn add fastify-kafka-sse fastify',
      'yarn install',
    ]) {
      expect(script, command).toContain(`'${command}'`)
      expect(page, command).toContain(`\`${command}\``)
    }
    expect(page).toContain('"dependenciesMeta": { "node-rdkafka": { "built": true } }')
  })

  test('.ci/run runs npm ci and npm test, and ends with the figures', () => {
    const script = read('.ci/run')
    expect(script).toMatch(
      /^install_packages && begin_npm_ci .*\nrun_bare .*\n.*\n {2}end_npm_ci .* && run_tests /m,
    )
    expect(script).toContain('npm ci >')
    expect(script).toContain('test/bare-root/run needed "$1"')
    expect(script).toContain('npm test -- ')
    expect(manifest.scripts.test.split(' && ').at(-1)).toBe('vitest run')
    for (const path of ['.ci/run', 'test/bare-root/run']) {
      expect(spawnSync('bash', ['-n', join(ROOT, path)]).status, path).toBe(0)
      expect(statSync(join(ROOT, path)).mode & 0o111, path).toBe(0o111)
    }
  })

  const passing = { status: 'passed', assertionResults: [{ status: 'passed' }] }
  const failing = {
    name: join(ROOT, 'test/c.test.ts'),
    status: 'failed',
    assertionResults: [
      { status: 'passed' },
      { status: 'failed', fullName: 'a stream ends', failureMessages: ['expected 1\n  at line 2'] },
    ],
  }
  const passed = (tests: number) => ({ success: true, numPassedTests: tests, numFailedTests: 0 })
  const failed = { success: false, numPassedTests: 1, numFailedTests: 1 }
  const noReport = null
  test.each([
    ['all is well', [passed(3)], '3 passed, 0 failed', 0],
    ['all is well in both runs', [passed(3), passed(4)], '7 passed, 0 failed', 0],
    ['a test failed', [{ ...failed, testResults: [] }], '1 passed, 1 failed', 1],
    ['a test failed in the first run', [failed, passed(4)], '5 passed, 1 failed', 1],
    [
      'a file failed before its tests',
      [
        {
          success: false,
          numPassedTests: 2,
          testResults: [
            passing,
            {
              name: join(ROOT, 'test/b.test.ts'),
              status: 'failed',
              message: 'no such module\n',
              assertionResults: [],
            },
          ],
        },
      ],
      'failed: test/b.test.ts: no such module\n2 passed, 1 failed',
      1,
    ],
    [
      'a failed test has a name',
      [passed(1), { ...failed, testResults: [passing, failing] }],
      'failed: test/c.test.ts: a stream ends: expected 1\n2 passed, 1 failed',
      1,
    ],
    ['something failed outside of tests', [{ ...passed(2), success: false }], '2 passed, 1 failed', 1],
    ['there was no test', [passed(0)], '0 passed, 0 failed', 1],
    ['there was no test in one run', [passed(0), passed(4)], '4 passed, 0 failed', 1],
    ['there is no report', [noReport], '0 passed, 1 failed', 1],
    ['the first run left no report', [noReport, passed(4)], '4 passed, 1 failed', 1],
    ['there was no run', [], '0 passed, 0 failed', 1],
  ])('where %s it counts so', (_, reports, line, status) => {
    const folder = mkdtempSync(join(tmpdir(), 'count-'))
    const paths = reports.map((report, index) => {
      const path = join(folder, `${index}.json`)
      if (report !== noReport) writeFileSync(path, JSON.stringify(report))
      return path
    })
    const program = join(ROOT, '.ci/count.mjs')
    const counted = spawnSync(process.execPath, [program, ...paths], { encoding: 'utf8', cwd: ROOT })
    rmSync(folder, { recursive: true })
    expect(counted.stdout).toBe(`${line}\n`)
    expect(counted.status).toBe(status)
  })
})
