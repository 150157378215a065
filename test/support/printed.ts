// Keeps what every server under test prints, and every secret that it was given or made. test/printed/setup.ts searches
// all of it at the end of the run.

import type { ChildProcess } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, inject } from 'vitest'
import { traitsOf } from '../printed/secrets.ts'

let outputs = 0

/** Lines that a logger in this process wrote. */
export function keepPrinted(line: string): void {
  appendFileSync(fileOf('in-process'), line)
}

/**
 * Keeps both outputs of a process, even if others read them, too. Not for `token`, which prints a token by design.
 */
export function keepPrintedBy(child: ChildProcess): void {
  for (const output of [child.stdout, child.stderr]) {
    const file = fileOf(String(outputs++))
    output?.on('data', (chunk: Buffer | string) => appendFileSync(file, chunk))
  }
}

/** Lines that a Fastify logger wrote: give `stream` as its destination. */
export class LogLines {
  readonly lines: string[] = []
  readonly stream = {
    write: (line: string): void => {
      this.lines.push(line)
      keepPrinted(line)
    },
  }

  text(): string {
    return this.lines.join('')
  }

  /** The lines' objects whose message is `message`. */
  of(message: string): Record<string, unknown>[] {
    return this.objects().filter(({ msg }) => msg === message)
  }

  objects(): Record<string, unknown>[] {
    return this.lines.map((line) => JSON.parse(line))
  }
}

/** A JWT, or a private key in PEM; returns it. */
export function keepSecret(secret: string): string {
  appendFileSync(join(inject('printedFolder'), 'secrets'), `${traitsOf(secret).join('\n')}\n`)
  return secret
}

/** Named after the test file, so that what is found says where it came from. */
function fileOf(output: string): string {
  return join(inject('printedFolder'), `${basename(expect.getState().testPath ?? 'test')}.${output}.printed`)
}
