// The lines with which a process says why it ends.

import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { tellProblems } from '../../../src/app/exit.ts'
import { ConfigError } from '../../../src/config/config-error.ts'

describe('the problems of a process', () => {
  it('are a line each, in which nothing of a broker or a server acts on the terminal', () => {
    const stderr = new PassThrough()
    tellProblems(new Error('SASL error: \u001b[2J\u009b31m no\n    at Client.js'), stderr)
    tellProblems(new ConfigError(['one \u007f', 'two']), stderr)
    expect(String(stderr.read())).toBe(
      'kafka-sse: SASL error: \\u001b[2J\\u009b31m no\nkafka-sse: one \\u007f\nkafka-sse: two\n',
    )
  })
})
