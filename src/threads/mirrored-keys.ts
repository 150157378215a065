// A worker's copies of the key sets that the main thread has. Promise: a key of the copy is found here; only a key that
// it lacks is asked for, since the main thread alone fetches.

import { chooseKey, type KeyChoice, type KeyHeader } from '../../plugins/auth/keys/key-set.ts'
import type { KeySource, KeyState } from '../../plugins/auth/keys/key-source.ts'
import type { KeySettings } from '../../plugins/auth/keys/open-keys.ts'
import { KeysUnavailable } from '../errors.ts'
import type { Channel } from './channel.ts'
import type { ToMain, ToWorker } from './messages.ts'

type Main = Pick<Channel<ToMain, ToWorker>, 'ask'>

export class MirroredKeys {
  private readonly main: Main
  private readonly mirrors = new Map<number, KeyMirror>()

  constructor(main: Main) {
    this.main = main
  }

  /** Rejects with the main thread's error in words if the keys cannot be opened. */
  async open(settings: KeySettings): Promise<KeySource> {
    const source = this.mirrors.size
    // Of a header only what names a key: the rest is as large as a client likes.
    const mirror = new KeyMirror(({ alg, kid }) => this.main.ask('findKey', { source, header: { alg, kid } }))
    // Before the question, because the state may come before its answer.
    this.mirrors.set(source, mirror)
    await this.main.ask('openKeys', { source, settings })
    return mirror
  }

  receive({ source, state }: ToWorker['keys']['body']): void {
    this.mirrors.get(source)?.receive(state)
  }
}

class KeyMirror implements KeySource {
  private readonly ask: (header: KeyHeader) => Promise<KeyChoice | null>
  /** null: not told yet. */
  private state: KeyState | null = null

  constructor(ask: (header: KeyHeader) => Promise<KeyChoice | null>) {
    this.ask = ask
  }

  receive(state: KeyState): void {
    this.state = state
  }

  async find(header: KeyHeader): Promise<KeyChoice> {
    const set = this.state?.set ?? null
    const choice = set === null ? null : chooseKey(set, header)
    if (choice !== null && ('key' in choice || choice.refused !== 'key')) return choice
    const answer = await this.ask(header)
    if (answer === null) throw new KeysUnavailable()
    return answer
  }

  notReady(): string | null {
    return this.state === null ? 'the main thread has not told its keys yet' : this.state.trouble
  }

  /** The main thread closes its keys when the worker has ended. */
  close(): void {}
}
