// The keys that verify tokens, in the main thread. Promise: keys of the same settings are opened once, so that all
// workers share one fetch; a worker is told each change, and asks only about keys that its copy lacks.

import type { FastifyBaseLogger } from 'fastify'
import type { KeyChoice } from '../../plugins/auth/keys/key-set.ts'
import type { OwnKeySource } from '../../plugins/auth/keys/key-source.ts'
import { type KeySettings, openCheckedKeys } from '../../plugins/auth/keys/open-keys.ts'
import { KeysUnavailable } from '../errors.ts'
import { type KeyFetches, sumOfFetches } from '../token/authenticator.ts'
import type { ToMain, ToWorker } from './messages.ts'

/** The key sources of the process. */
export class ProcessKeys {
  private readonly log: FastifyBaseLogger
  private readonly sources = new Map<string, Promise<OwnKeySource>>()
  private readonly opened = new Set<OwnKeySource>()

  constructor(log: FastifyBaseLogger) {
    this.log = log
  }

  /** Rejects with one line if there can be no keys. All workers have the same options, so there are few sources. */
  open(settings: KeySettings): Promise<OwnKeySource> {
    const name = JSON.stringify(settings)
    const source = this.sources.get(name) ?? this.openFirst(settings)
    this.sources.set(name, source)
    return source
  }

  fetches(): KeyFetches {
    return sumOfFetches([...this.opened].map(({ fetches }) => fetches))
  }

  private async openFirst(settings: KeySettings): Promise<OwnKeySource> {
    const source = await openCheckedKeys(settings, this.log)
    this.opened.add(source)
    return source
  }

  close(): void {
    // Keys that could not be opened need no end; who asked for them has their error.
    for (const opening of this.sources.values())
      void opening.then(
        (source) => source.close(),
        () => {},
      )
  }
}

/** The main thread's side of one worker's keys. */
export class WorkerKeys {
  private readonly all: Pick<ProcessKeys, 'open'>
  private readonly tell: (told: ToWorker['keys']['body']) => void
  private readonly sources = new Map<number, OwnKeySource>()
  private readonly endings: (() => void)[] = []
  private isEnded = false

  constructor(all: Pick<ProcessKeys, 'open'>, tell: (told: ToWorker['keys']['body']) => void) {
    this.all = all
    this.tell = tell
  }

  async open({ source, settings }: ToMain['openKeys']['body']): Promise<void> {
    const opened = await this.all.open(settings)
    if (this.isEnded) return
    const tell = () => this.tell({ source, state: opened.state })
    this.sources.set(source, opened)
    this.endings.push(opened.onChange(tell))
    tell()
  }

  /** null: whether there is such a key cannot be told now. */
  async find({ source, header }: ToMain['findKey']['body']): Promise<KeyChoice | null> {
    const opened = this.sources.get(source)
    if (opened === undefined) throw new Error('there are no such keys')
    try {
      return await opened.find(header)
    } catch (error) {
      if (error instanceof KeysUnavailable) return null
      throw error
    }
  }

  /** The worker has ended. */
  end(): void {
    this.isEnded = true
    for (const end of this.endings) end()
  }
}
