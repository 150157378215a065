// Values that stand in two places, because one of them is a comment or may import nothing: both are the same.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { EVENT_LENGTH_MAX } from '../../client/src/event-parser.ts'
import { readOptions } from '../../client/src/option-checks.ts'
import { FRAME_BYTES_MAX } from '../../src/bus/frame.ts'
import { AUTH_SETTINGS } from '../../src/config/auth-settings.ts'
import { KAFKA_SETTINGS } from '../../src/config/kafka-settings.ts'
import type { Setting } from '../../src/config/setting.ts'
import { SSE_SETTINGS } from '../../src/config/stream-settings.ts'
import { STREAM_SETTINGS } from '../../src/config/streams/single-stream-settings.ts'

const OPTIONS = readFileSync(new URL('../../src/options.ts', import.meta.url), 'utf8')
const SETTINGS: Record<string, Setting> = {
  ...KAFKA_SETTINGS,
  ...AUTH_SETTINGS,
  ...STREAM_SETTINGS,
  ...SSE_SETTINGS,
}
const NAMES = Object.keys(SETTINGS).filter((name) => SETTINGS[name]?.type !== 'object')

/** The docstring of a member of an options' interface, as one line. */
function docstring(name: string): string {
  const found = new RegExp(`/\\*\\*((?:(?!\\*/).)*)\\*/\\s+${name}\\??:`, 's').exec(OPTIONS)
  return (found?.[1] ?? '').replaceAll(/\s*\n\s*\*\s*/g, ' ')
}

/** How a docstring may write a value. */
function spellings(value: unknown): string[] {
  if (Array.isArray(value)) return [`[${value.map((item) => `'${item}'`).join(', ')}]`]
  if (typeof value !== 'number') return [String(value)]
  const [mebibytes, gibibytes] = [value / 2 ** 20, value / 2 ** 30]
  return [value.toLocaleString('en-US'), `${mebibytes} MiB`, `${gibibytes} GiB`]
}

describe('the docstring of an option', () => {
  const defaults = NAMES.flatMap((name) => {
    const value = SETTINGS[name]?.default
    return value === undefined ? [] : [[name, value] as const]
  })
  it.each(defaults)('%s has the default of the schema, %j', (name, value) => {
    const said = docstring(name).replaceAll('`', '')
    if (value === null) expect(said).toContain('null, the default')
    else expect(spellings(value).some((text) => said.includes(`Default: ${text}.`))).toBe(true)
  })

  const ranges = NAMES.flatMap((name) => {
    const { minimum, maximum } = SETTINGS[name] ?? {}
    return minimum === undefined || maximum === undefined ? [] : [[name, minimum, maximum] as const]
  })
  it.each(ranges)('%s has the range of the schema, %d to %d', (name, minimum, maximum) => {
    const said = docstring(name)
    const pairs = spellings(minimum).flatMap((from) => spellings(maximum).map((to) => `${from} to ${to}`))
    expect(pairs.some((range) => said.includes(range))).toBe(true)
  })
})

describe('the client', () => {
  it('takes the largest event of the server, with an id that is merged with its own', () => {
    expect(EVENT_LENGTH_MAX).toBe(FRAME_BYTES_MAX + 128 * 1024)
  })

  it('waits for as long as three heartbeats of the server take', () => {
    const { heartbeatMs } = readOptions({})
    expect(heartbeatMs).toBe(3000 * Number(SSE_SETTINGS.heartbeatSeconds.default))
  })
})
