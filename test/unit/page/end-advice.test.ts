// What the page advises when a stream has ended, by the server's reason, which may be any text.

import { expect, it } from 'vitest'

interface AdviceModule {
  adviceForEnd(reason: string): string
}

// By URL, because the page's files are plain JavaScript.
const { adviceForEnd } = (await import(
  new URL('../../../public/page/advice.js', import.meta.url).href
)) as AdviceModule

it('is that of the reason, or that the page reconnects', () => {
  expect(adviceForEnd('revoked')).toContain('Its token was revoked')
  for (const reason of ['', 'unknown', ...Object.getOwnPropertyNames(Object.prototype)])
    expect(adviceForEnd(reason)).toBe('The page reconnects by itself.')
})
