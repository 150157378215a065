import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { beginLeftOutList } from './test/support/left-out.ts'

beginLeftOutList()

/** Files that need a Kafka take longest, so they start first: a run does not end with one of them alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLong = (file: TestSpecification) => file.project.name === 'kafka'
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

// node-rdkafka is not context-aware: one process per test file, never a worker thread.
export default defineConfig({
  test: {
    pool: 'forks',
    setupFiles: 'test/support/property-seed.ts',
    // More files at a time than processors: most of their time many wait for tokens to expire and for brokers to die.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: LongestFirst },
    testTimeout: 15_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'alone',
          include: ['test/**/*.test.ts'],
          exclude: ['test/{kafka,faults}/**'],
          globalSetup: 'test/printed/setup.ts',
        },
      },
      {
        // Starts a real Kafka once for all of these, and only if one of these is run.
        extends: true,
        test: {
          name: 'kafka',
          include: ['test/{kafka,faults}/**/*.test.ts'],
          globalSetup: ['test/printed/setup.ts', 'test/support/global-setup.ts'],
          testTimeout: 60_000,
        },
      },
    ],
  },
})
