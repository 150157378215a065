// node-rdkafka, whose native part is compiled when it is installed. Promise: without that part, importing this file
// throws two lines, of which the second one says what to run.

import { createRequire } from 'node:module'
import type * as Native from 'node-rdkafka'
import { errorCode, errorWords } from '../../../src/errors.ts'

type Rdkafka = typeof Native

const NOT_BUILT = 'its install script did not run, or failed'
const WHAT_TO_RUN =
  'Run `npm rebuild node-rdkafka`, from npm 12 on after `npm approve-scripts node-rdkafka`, also with Yarn 1; with ' +
  'pnpm `pnpm approve-builds node-rdkafka`, or `pnpm rebuild node-rdkafka` if that was done; with Yarn 4 set ' +
  'dependenciesMeta.node-rdkafka.built to true in package.json, then run `yarn install`, or `yarn rebuild ' +
  'node-rdkafka` if that was done. It needs a C++ toolchain: see the README.'

/** Has no stack below its two lines: who reads it has to run a command, not to mend code. */
export class NativePartMissing extends Error {
  readonly code = 'FKS_NATIVE_PART_MISSING'

  constructor(reason: string) {
    super(`The native part of node-rdkafka, the Kafka client, cannot be loaded: ${reason}\n${WHAT_TO_RUN}`)
    this.name = 'NativePartMissing'
    this.stack = `${this.name}: ${this.message}`
  }
}

/** `load` imports node-rdkafka, and throws what Node throws. */
export function loadNative(load: () => Rdkafka): Rdkafka {
  try {
    return load()
  } catch (error) {
    throw new NativePartMissing(reasonOf(error))
  }
}

/** Built for another Node, or a library is missing that it was built with: Node's first line names it. */
function reasonOf(error: unknown): string {
  if (errorCode(error) !== 'ERR_DLOPEN_FAILED') return NOT_BUILT
  return errorWords(error).replace(/\s*\n\s*/g, ' ')
}

const require = createRequire(import.meta.url)

export const rdkafka = loadNative(() => require('node-rdkafka'))
