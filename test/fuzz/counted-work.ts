// How often each block of a module ran, as V8 counts it: work that is compared without a clock, and blocks that never
// ran.

import { type Profiler, Session } from 'node:inspector/promises'

export interface Work {
  /** Times that its blocks ran, summed: loops and calls, not what built-in functions do inside. */
  readonly blocks: number
  /** Text of the blocks that did not run, of the functions that did. */
  readonly missed: readonly string[]
}

type Counted = Pick<Profiler.ScriptCoverage, 'scriptId' | 'functions'>

export class WorkCounter {
  readonly #session = new Session()
  readonly #path: string

  /** Of the module whose URL ends so. Count before it is imported: code that is compiled already is not counted. */
  constructor(path: string) {
    this.#path = path
  }

  async start(): Promise<void> {
    this.#session.connect()
    await this.#session.post('Debugger.enable')
    await this.#session.post('Profiler.enable')
    await this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  async stop(): Promise<void> {
    await this.#session.post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }

  async workOf(run: () => void): Promise<Work> {
    await this.#take()
    run()
    const scripts = (await this.#take()).map(({ scriptId, functions }) => ({
      scriptId,
      functions: functions.filter(({ ranges: [whole] }) => (whole?.count ?? 0) > 0),
    }))
    const ranges = scripts.flatMap(({ functions }) => functions.flatMap((one) => one.ranges))
    return {
      blocks: ranges.reduce((sum, { count }) => sum + count, 0),
      missed: (await Promise.all(scripts.map((script) => this.#missed(script)))).flat(),
    }
  }

  /** The counts since the last call; resets them. */
  async #take(): Promise<Profiler.ScriptCoverage[]> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage')
    return result.filter(({ url }) => url.endsWith(this.#path))
  }

  async #missed({ scriptId, functions }: Counted): Promise<string[]> {
    const { scriptSource } = await this.#session.post('Debugger.getScriptSource', { scriptId })
    return functions.flatMap(({ functionName, ranges }) =>
      ranges
        .filter(({ count }) => count === 0)
        .map((range) => `${functionName}: ${scriptSource.slice(range.startOffset, range.endOffset)}`),
    )
  }
}
