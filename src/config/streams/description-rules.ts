// Where the streams are described for machines, and that nothing else of the options is there.

import { quoted } from '../../text/quoted.ts'
import { type Document, valueAt } from '../document.ts'
import type { Fault } from '../validation.ts'
import { pathPattern } from './path-parameters.ts'

/** The paths of the two documents below `descriptionPath`, which may be `/`. */
export function descriptionPaths(descriptionPath: string): {
  readonly openApi: string
  readonly asyncApi: string
} {
  const folder = descriptionPath.replace(/\/$/, '')
  return { openApi: `${folder}/openapi.json`, asyncApi: `${folder}/asyncapi.json` }
}

/** The faults of streams whose shape the schema may not accept: what it reports is passed over here. */
export function descriptionFaults(document: Document): Fault[] {
  const place = ['sse', 'descriptionPath']
  const folder = valueAt(document, place)
  if (typeof folder !== 'string') return []
  const { openApi, asyncApi } = descriptionPaths(folder)
  const taken = takenPaths(document).find((path) => [openApi, asyncApi].includes(pathPattern(path)))
  if (taken === undefined) return []
  return [{ place, kind: 'wrong', words: `has its documents at a path that is taken: ${quoted(taken)}` }]
}

function takenPaths(document: Document): string[] {
  const { streams } = document
  const listed = Array.isArray(streams) ? streams.map((stream: unknown) => Object(stream).path) : []
  const paths: unknown[] = [...listed, valueAt(document, ['auth', 'logoutPath'])]
  return paths.filter((path) => typeof path === 'string')
}
