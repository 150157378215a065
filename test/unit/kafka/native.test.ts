// What an installation without the native part of node-rdkafka is told.

import { describe, expect, it } from 'vitest'
import { loadNative, NativePartMissing, rdkafka } from '../../../plugins/kafka/client/native.ts'

function refusal(cause: Error): NativePartMissing {
  try {
    loadNative(() => {
      throw cause
    })
  } catch (error) {
    if (error instanceof NativePartMissing) return error
  }
  throw new Error('it was loaded')
}

const NOT_FOUND = new Error('Could not locate the bindings file. Tried:\n → /app/build/node-librdkafka.node')
const OTHER_NODE = Object.assign(new Error('The module was compiled against\na different Node.js version'), {
  code: 'ERR_DLOPEN_FAILED',
})

describe('Without the native part of node-rdkafka', () => {
  it('two lines say so, and what to run with npm, pnpm and Yarn', () => {
    const { message } = refusal(NOT_FOUND)
    const [reason, command, ...others] = message.split('\n')
    expect(reason).toMatch(/cannot be loaded: its install script did not run, or failed$/)
    for (const words of [
      'npm rebuild',
      'npm approve-scripts node-rdkafka',
      'pnpm approve-builds node-rdkafka',
      'pnpm rebuild',
      'dependenciesMeta',
      'yarn install',
      'yarn rebuild',
    ])
      expect(command).toContain(words)
    expect(others).toEqual([])
  })

  it('no list of folders and no stack is shown with it', () => {
    const error = refusal(NOT_FOUND)
    expect(error.stack).toBe(`NativePartMissing: ${error.message}`)
    expect(error.cause).toBe(undefined)
  })

  it('the reason is Node’s own where a part is there that does not fit', () => {
    expect(refusal(OTHER_NODE).message.split('\n')[0]).toMatch(
      /cannot be loaded: The module was compiled against a different Node.js version$/,
    )
  })
})

it('With the native part, it is node-rdkafka', () => {
  expect(rdkafka.librdkafkaVersion).toMatch(/^2\./)
})
