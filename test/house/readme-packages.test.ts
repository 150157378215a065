// The packages that the README names are those that the server asks for and that CI installs.

import { describe, expect, test } from 'vitest'
import { missingParts } from '../../plugins/kafka/client/librdkafka-build.ts'
import { read, readmePackages } from './project-files.ts'

describe('README', () => {
  test('names for every feature the packages that the server says are missing', () => {
    const { command } = missingParts([]) ?? {}
    expect(command).toBe(
      `apt-get install ${readmePackages('every feature').join(' ')} && npm rebuild node-rdkafka`,
    )
  })

  test('names what .ci/run installs, which has the rest already', () => {
    const script = read('.ci/run')
    const given = /^python3$|^maven$|^openjdk-/
    const rows = ['needed', 'every feature', 'every test'].flatMap(readmePackages)
    expect(rows.length).toBeGreaterThan(10)
    const installed = /^packages=\(\n(.*?)\n\)/ms.exec(script)?.[1]?.replace(/#.*/g, '').trim().split(/\s+/)
    expect(installed?.sort()).toEqual(rows.filter((name) => !given.test(name)).sort())
  })
})
