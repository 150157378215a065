// Reads the settings again when it is asked to, and when a file that they name has changed. Promise: one reading at a
// time; a file that is being written is not read before it has stayed the same from one look to the next.

import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { ConfigError } from '../config/config-error.ts'
import { TEXT_BYTES_MAX } from '../config/text-file.ts'
import { errorWords } from '../errors.ts'
import type { ServerOptions } from '../options.ts'

export type Occasion = 'SIGHUP' | 'a file has changed'

/** What was read: the options, or a line for each problem. */
export type SettingsReading = { readonly occasion: Occasion } & (
  | { readonly options: ServerOptions }
  | { readonly problems: readonly string[] }
)

/** Passes readings on. While nothing takes them it keeps the last, so that a change during the start is not lost. */
export class SettingsFeed {
  private taker: ((reading: SettingsReading) => void) | null = null
  private kept: SettingsReading | null = null

  push(reading: SettingsReading): void {
    if (this.taker === null) this.kept = reading
    else this.taker(reading)
  }

  /** `take` is called with each reading from now on, and with one that was kept. null: nothing takes them any more. */
  passTo(take: ((reading: SettingsReading) => void) | null): void {
    this.taker = take
    const { kept } = this
    if (kept === null || take === null) return
    this.kept = null
    take(kept)
  }
}

export interface SettingsReaderParts {
  readonly read: () => Promise<ServerOptions>
  /** Paths of the files to look at. */
  readonly files: readonly string[]
  /** Time between two looks; 0: none. */
  readonly everyMs: number
}

export class SettingsReader {
  readonly feed = new SettingsFeed()
  private readonly parts: SettingsReaderParts
  private readonly timer: NodeJS.Timeout | null
  /** The files as they were at the last reading, and at the last look. null: there was none yet. */
  private read: string | null = null
  private seen: string | null = null
  private isLooking = false
  private isClosed = false
  private reading: Promise<void> | null = null
  private asked: Occasion | null = null

  constructor(parts: SettingsReaderParts) {
    this.parts = parts
    const { everyMs, files } = parts
    this.timer = everyMs > 0 && files.length > 0 ? setInterval(() => void this.look(), everyMs).unref() : null
    void this.look()
  }

  /** Reads now, or once more after the reading that is under way. */
  again(occasion: Occasion): void {
    this.asked = occasion
    this.reading ??= this.readAsked()
  }

  close(): void {
    if (this.timer !== null) clearInterval(this.timer)
    this.isClosed = true
  }

  private async readAsked(): Promise<void> {
    while (this.asked !== null) {
      const occasion = this.asked
      this.asked = null
      // Before the reading: what changes during it is seen by the next look.
      if (occasion === 'SIGHUP') this.read = await digestOf(this.parts.files)
      const reading = { occasion, ...(await this.readOptions()) }
      if (!this.isClosed) this.feed.push(reading)
    }
    this.reading = null
  }

  private async readOptions(): Promise<{ options: ServerOptions } | { problems: readonly string[] }> {
    try {
      return { options: await this.parts.read() }
    } catch (error) {
      return { problems: error instanceof ConfigError ? error.problems : [errorWords(error)] }
    }
  }

  /** One look at a time, even if the file system hangs. */
  private async look(): Promise<void> {
    if (this.isLooking) return
    this.isLooking = true
    const digest = await digestOf(this.parts.files)
    this.isLooking = false
    const isSettled = digest === this.seen
    this.seen = digest
    this.read ??= digest
    if (!isSettled || digest === this.read) return
    this.read = digest
    this.again('a file has changed')
  }
}

/** Of the contents: a Kubernetes secret changes by a symlink further up, and network file systems send no events. */
async function digestOf(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const file of files) {
    const content = await contentOf(file).catch(() => null) // reading the settings says why it cannot be read
    hash.update(content === null ? '-' : `${content.length}:`).update(content ?? '')
  }
  return hash.digest('base64')
}

/** null for what no setting is read from: reading a pipe or a device may never end. */
async function contentOf(file: string): Promise<Buffer | null> {
  const state = await stat(file)
  return state.isFile() && state.size <= TEXT_BYTES_MAX ? readFile(file) : null
}
