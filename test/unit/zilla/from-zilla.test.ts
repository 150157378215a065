// The tables of docs/from-zilla.md: each line of both configurations stands in one, under the binding that has it.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { TEXT_BYTES_MAX } from '../../../src/config/text-file.ts'
import { ALIASES_MAX, YAML_NESTED_MAX } from '../../../src/zilla/yaml-document.ts'
import { makeKey } from '../../support/keys-and-tokens.ts'
import { tutorialZilla, WHOLE_ZILLA } from '../../support/zilla-configurations.ts'

const PAGE = readFileSync(fileURLToPath(new URL('../../../docs/from-zilla.md', import.meta.url)), 'utf8')
const [, TABLES = ''] = PAGE.split('\n## Line by line\n')
/** The first column of each section's table. */
const sections = new Map(
  TABLES.split('\n### ').map((text): [string, string] => {
    const [heading = ''] = text.split('\n', 1)
    const rows = [...text.matchAll(/^\| ([^|]*) \|/gm)].map(([, first = '']) => first)
    return [heading, rows.join('\n')]
  }),
)

/** Members that say which binding it is, and what it leads to. */
const OF_THE_GRAPH = /^(type|kind|exit|routes\[\]\.exit)$/

/** Each place with a value, without the names that the configuration gives. */
function leaves(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => leaves(item, `${path}[]`))
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([name, inner]) =>
    leaves(inner, path === '' ? name : `${path}.${name}`),
  )
}

interface Part {
  readonly type: string
  readonly kind?: string
}

function partsOf(text: string): [section: string, part: Part][] {
  const { vaults = {}, guards = {}, bindings } = parse(text)
  const named = (group: object, prefix: string) =>
    Object.values(group).map((part: Part): [string, Part] => [`${prefix}${part.type}`, part])
  const ofBindings = Object.values(bindings).map((part): [string, Part] => {
    const { type, kind } = part as Part
    return [`${type} ${kind}`, part as Part]
  })
  return [...named(vaults, 'vault '), ...named(guards, 'guard '), ...ofBindings]
}

describe('docs/from-zilla.md', () => {
  it.each([
    ['the tutorial', tutorialZilla(makeKey('RS256').jwk)],
    ['a configuration of all kinds', WHOLE_ZILLA],
  ])('has each line of %s', (_, text) => {
    for (const [section, part] of partsOf(text)) {
      const rows = sections.get(section)
      expect(rows, section).toBeDefined()
      const missing = leaves(part)
        .filter((path) => !OF_THE_GRAPH.test(path))
        .filter((path) => !startsOf(path).some((start) => rows?.includes(`\`${start}\``)))
      expect(missing, section).toEqual([])
    }
  })

  it('says the bounds of the code', () => {
    expect(PAGE.replace(/\n/g, ' ')).toContain(
      `It reads ${TEXT_BYTES_MAX / 2 ** 20} MiB at most, ${YAML_NESTED_MAX} levels of nesting and ${ALIASES_MAX} aliases`,
    )
  })
})

/** The path, and each path above it. A list is written with and without its brackets. */
function startsOf(path: string): string[] {
  const names = path.split('.')
  return names.flatMap((__, at) => {
    const start = names.slice(0, at + 1).join('.')
    return [start, start.replace(/\[\]$/, '')]
  })
}
