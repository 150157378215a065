import { availableParallelism } from 'node:os'
import { relative } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { beginLeftOutList } from './test/support/left-out.ts'
import { LONG_FILES } from './test/support/long-files.ts'
import { filesOfSharedProcesses } from './test/support/shared-process.ts'

beginLeftOutList()

const ON_KAFKA = ['test/{kafka,faults}/**/*.test.ts', 'test/browser/real-*.test.ts']
const IN_SHARED_PROCESSES = filesOfSharedProcesses(import.meta.dirname)

/** Vitest by itself goes by the sizes of files on a machine that has not run them yet. */
class LongFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONG_FILES.indexOf(relative(this.ctx.config.root, moduleId))
      return at < 0 ? LONG_FILES.length : at
    }
    return sorted.toSorted((one, other) => rank(one) - rank(other))
  }
}

// node-rdkafka is not context-aware: processes, never worker threads, and one for each test file that may load it.
export default defineConfig({
  test: {
    pool: 'forks',
    setupFiles: 'test/support/property-seed.ts',
    // More files at a time than processors: most of their time many wait for tokens to expire and for brokers to die.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: LongFilesFirst },
    // No promise: a test that is about a time says so itself.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'alone',
          include: ['test/**/*.test.ts'],
          exclude: [...ON_KAFKA, ...IN_SHARED_PROCESSES],
          globalSetup: 'test/printed/setup.ts',
        },
      },
      {
        extends: true,
        test: {
          name: 'shared',
          include: IN_SHARED_PROCESSES,
          isolate: false,
          setupFiles: ['test/support/own-modules.ts', 'test/support/property-seed.ts'],
          globalSetup: 'test/printed/setup.ts',
        },
      },
      {
        // Starts a real Kafka once for all of these, and only if one of these is run.
        extends: true,
        test: {
          name: 'kafka',
          include: ON_KAFKA,
          globalSetup: ['test/printed/setup.ts', 'test/support/global-setup.ts'],
        },
      },
    ],
  },
})
