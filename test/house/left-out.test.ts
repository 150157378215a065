// Tests that a machine cannot run are left out, listed at the end, and a failure under CI.

import { afterEach, describe, expect, it, vi } from 'vitest'
import { closingWords, leaveOut } from '../support/left-out.ts'

describe('What a run left out', () => {
  afterEach(() => vi.unstubAllEnvs())

  it('is listed once each, and nothing is said where there is nothing', () => {
    expect(closingWords([])).toBe('')
    expect(closingWords(['the page (no chromium)', 'a Kafka (no java)', 'the page (no chromium)'])).toBe(
      '\nLEFT OUT, since this machine lacks what they need:\n  !! a Kafka (no java)\n  !! the page (no chromium)\n\n',
    )
  })

  it('is a failure under CI', () => {
    vi.stubEnv('CI', 'true')
    expect(() => leaveOut('every test in a browser', 'no chromium')).toThrow(
      'every test in a browser: no chromium',
    )
  })
})
