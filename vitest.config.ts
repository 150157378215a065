import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { beginLeftOutList } from './test/support/left-out.ts'

beginLeftOutList()

// node-rdkafka is not context-aware: one process per test file, never a worker thread.
export default defineConfig({
  test: {
    pool: 'forks',
    // vitest's default is one file less at a time; but many wait most of their time: for tokens to expire, for brokers to die.
    maxWorkers: availableParallelism(),
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
