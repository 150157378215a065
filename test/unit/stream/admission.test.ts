// How many streams may be open.

import { describe, expect, it } from 'vitest'
import { CountedAdmission } from '../../../src/stream/admission.ts'

describe('admission', () => {
  const limits = { streamsMax: 3, streamsPerAddressMax: 2, streamsPerSubjectMax: 1 }

  it('has limits for all, an address and a holder, each at the limit and one past it', () => {
    const admission = new CountedAdmission(limits)
    expect(admission.admit('127.0.0.1', 'one')).not.toBeNull()
    expect(admission.admit('127.0.0.1', 'one')).toBeNull()
    expect(admission.hasRoom('127.0.0.1')).toBe(true)
    const second = admission.admit('127.0.0.1', 'two')
    expect(admission.hasRoom('127.0.0.1')).toBe(false)
    expect(admission.admit('127.0.0.1', 'three')).toBeNull()
    expect(admission.hasRoom('127.0.0.2')).toBe(true)
    expect(admission.admit('127.0.0.2', 'three')).not.toBeNull()
    expect(admission.hasRoom('127.0.0.3')).toBe(false)
    second?.release()
    expect(admission.hasRoom('127.0.0.3')).toBe(true)
    expect(admission.hasRoom('127.0.0.1')).toBe(true)
  })

  it('takes other limits, and ends nothing that is open', () => {
    const admission = new CountedAdmission(limits)
    const open = ['one', 'two'].map((holder) => admission.admit('127.0.0.1', holder))
    admission.limitTo({ streamsMax: 1, streamsPerAddressMax: 1, streamsPerSubjectMax: 1 })
    expect(admission.hasRoom('127.0.0.2')).toBe(false)
    open[0]?.release()
    expect(admission.hasRoom('127.0.0.2')).toBe(false)
    open[1]?.release()
    expect(admission.hasRoom('127.0.0.2')).toBe(true)
  })

  it('keeps nothing of who has left', () => {
    const admission = new CountedAdmission(limits)
    for (let i = 0; i < 1000; i++) admission.admit(`10.0.0.${i}`, `holder ${i}`)?.release()
    expect(Object.values(admission).filter((part) => part instanceof Map && part.size > 0)).toEqual([])
  })
})
