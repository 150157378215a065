// A YAML document is read within bounds, and an error names its line and column.

import { describe, expect, it } from 'vitest'
import {
  ALIASES_MAX,
  INDENTED_MAX,
  readYaml,
  YAML_NESTED_MAX,
  YamlError,
} from '../../../src/zilla/yaml-document.ts'

const MEBIBYTE = 2 ** 20

describe('YAML that is wrong', () => {
  it.each([
    ['a: [1', 'line 1, column 6: '],
    ['a:\n  b: "x', 'line 2, column 8: '],
    ['a: 1\n b: 2', 'line 1, column 4: nested mappings are not allowed in compact mappings'],
    ['a: 1\nb: 2\na: 3', 'line 3, column 1: this name stands here twice'],
    ['a: *b', 'line 1, column 4: the alias names no anchor above it'],
    ['a: &a [*a]', 'line 1, column 8: the alias names no anchor above it'],
    ['a: 1\n---\nb: 2', 'line 2, column 1: a second document begins; there may be one'],
    ['? [1]\n: 2', 'line 1, column 3: a name is a text'],
    ['\tb: 1', 'line 1, column 1: '],
  ])('%j', (text, words) => {
    expect(() => readYaml(text)).toThrow(YamlError)
    expect(() => readYaml(text)).toThrow(words)
  })

  it('is told without its values', () => {
    expect(() => readYaml('password: "hunter22\nb: *hunter22')).toThrow(/^((?!hunter22).)*$/s)
  })
})

describe('the bounds', () => {
  const deep = (levels: number) => `a: ${'['.repeat(levels)}1${']'.repeat(levels)}`
  const compact = (levels: number) => `${'- '.repeat(levels)}1`
  const indented = (columns: number) => `a:\n${' '.repeat(columns)}b: 1\n`
  const aliases = (count: number) => `a: &a 1\nb: [${Array(count).fill('*a').join(', ')}]`

  it.each([
    ['levels of flow style', deep, YAML_NESTED_MAX, 'nested too deeply'],
    ['levels on one line', compact, YAML_NESTED_MAX, 'nested too deeply'],
    ['columns before a line', indented, INDENTED_MAX, 'indented too deeply'],
    ['aliases', aliases, ALIASES_MAX, 'more than 100 aliases'],
  ])('of %s hold, and one more is refused', (_, make, max, words) => {
    readYaml(make(max))
    expect(() => readYaml(make(max + 1))).toThrow(words)
  })

  it('pass over what only looks like depth', () => {
    readYaml(`a: |\n${' '.repeat(300)}- [[[\nb: "${'['.repeat(100)}" # ${'['.repeat(100)}\n`)
    readYaml(Array.from({ length: 1_000 }, () => '- [1, {a: 2}]').join('\n'))
  })

  it.each([
    ['brackets', '['.repeat(MEBIBYTE)],
    ['brackets that close', '['.repeat(MEBIBYTE / 2) + ']'.repeat(MEBIBYTE / 2)],
    ['dashes', '- '.repeat(MEBIBYTE / 2)],
    ['lines, each deeper', Array.from({ length: 1_400 }, (_, at) => `${' '.repeat(at)}a:\n`).join('')],
    ['aliases', `a: &a 1\nb: [${'*a, '.repeat(MEBIBYTE / 4)}]`],
  ])('make a mebibyte of %s an error', (_, text) => {
    expect(() => readYaml(text)).toThrow(YamlError)
  })

  it('do not make time grow with the square of the names', () => {
    const names = Array.from({ length: 20_000 }, (_, at) => `name${at}: 1\n`).join('')
    expect(readYaml(names).members()).toHaveLength(20_000)
    expect(() => readYaml('a: b: c\n'.repeat(20_000))).toThrow(YamlError)
    expect(() => readYaml('a: b\n'.repeat(20_000))).toThrow('this name stands here twice')
  })
})

describe('a place', () => {
  it('knows its line, and what was not read of it', () => {
    const top = readYaml('a:\n  b: 1\n  c:\n    - 2\n    - d: 3\ne: 4\n')
    expect(top.at('a', 'b')?.text()).toBe('1')
    const unread = [...top.unread()].map(({ line, path }) => `${line} ${path}`)
    expect(unread).toEqual(['3 a.c', '6 e'])
    const items = top.at('a', 'c')?.items() ?? []
    expect(items.map(({ line, path }) => `${line} ${path}`)).toEqual(['4 a.c[0]', '5 a.c[1]'])
    expect([...top.unread()].map(({ path }) => path)).toEqual(['a.c[1].d', 'e'])
  })

  it('is read wherever an alias stands for it', () => {
    const top = readYaml('a: &x { y: 1 }\nb: *x\n')
    expect(top.at('b', 'y')?.text()).toBe('1')
    top.member('a')
    expect([...top.unread()]).toEqual([])
  })
})
