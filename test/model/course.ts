// A course of commands in one case of the resume model: what fast-check draws, shrinks and prints.

import fc from 'fast-check'
import type { SegmentPool } from '../../src/segments/segment-pool.ts'
import { Case, type Setting } from './case.ts'
import { type Command, command } from './commands.ts'

const commands = fc.array(command, { minLength: 5, maxLength: 120, size: 'max' })

export function course(settings: fc.Arbitrary<Setting>): fc.Arbitrary<Course> {
  return fc
    .tuple(settings, fc.nat(), commands)
    .map(([setting, seed, chosen]) => new Course(setting, seed, chosen))
}

export class Course {
  private readonly setting: Setting
  /** For what no command says: which partition a server reads next, what Kafka's log cleaner drops. */
  private readonly seed: number
  private readonly commands: readonly Command[]

  constructor(setting: Setting, seed: number, commands: readonly Command[]) {
    this.setting = setting
    this.seed = seed
    this.commands = commands
  }

  /** Throws what is wrong. `pool`: shared by all cases. */
  async run(pool: SegmentPool): Promise<void> {
    const run = new Case(this.setting, this.seed, pool)
    try {
      for (const each of this.commands) {
        const done = each.run(run)
        if (done !== undefined) await done
      }
      await run.finish()
    } finally {
      run.close()
    }
  }

  /** A line a command. */
  toString(): string {
    const { partitions } = this.setting
    const setting = Object.entries(this.setting).map(([name, value]) => `${name} ${value}`)
    const lines = [
      `${setting.join(', ')}, seed ${this.seed}`,
      ...this.commands.map(({ words }) => words(partitions)),
    ]
    return lines.map((line) => `\n  ${line}`).join('')
  }
}
