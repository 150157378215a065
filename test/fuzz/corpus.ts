// The ids that mutation begins with: those in corpus/read are ids, those in corpus/refused are not. A case that a run
// has found belongs there, under a name that says what it is.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeId, writeText } from './reference-decoder.ts'

type Entry =
  /** As it stands. */
  | string
  /** In hex, to be written as base64url. */
  | { bytes: string }
  /** All of them at one offset. */
  | { partitions: number; offset: number }
  /** One text, repeated, between two others. */
  | { repeat: string; times: number; before?: string; after?: string }

export interface CorpusCase {
  readonly name: string
  readonly text: string
}

export function corpusOf(folder: 'read' | 'refused'): CorpusCase[] {
  const path = join(import.meta.dirname, 'corpus', folder)
  return readdirSync(path)
    .sort()
    .flatMap((file) => casesIn(join(path, file)))
}

function casesIn(file: string): CorpusCase[] {
  const entries: Record<string, Entry> = JSON.parse(readFileSync(file, 'utf8'))
  return Object.entries(entries).map(([name, entry]) => ({ name, text: textOf(entry) }))
}

function textOf(entry: Entry): string {
  if (typeof entry === 'string') return entry
  if ('partitions' in entry) {
    return writeId(Array.from({ length: entry.partitions }, (_, i) => [BigInt(i), BigInt(entry.offset)]))
  }
  if ('bytes' in entry) return writeText([...Buffer.from(entry.bytes.replaceAll(' ', ''), 'hex')])
  return `${entry.before ?? ''}${entry.repeat.repeat(entry.times)}${entry.after ?? ''}`
}
