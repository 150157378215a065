import { defineConfig } from 'vitest/config'

// node-rdkafka is not context-aware: one process per test file, never a worker thread.
export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/**/*.test.ts'],
    testTimeout: 15_000,
    hookTimeout: 60_000,
  },
})
