// Opens a stream that the tabs of an origin share. Promise: where tabs cannot share, each has a stream of its own.

import { connect, type EventStream } from '../event-stream.ts'
import { readOptions, readUrl, type Settings } from '../option-checks.ts'
import type { ConnectOptions } from '../options.ts'
import { SharedStream } from './shared-stream.ts'

export interface SharedOptions extends ConnectOptions {
  /**
   * Says whose session it is: the user's ID, for instance. Tabs share a stream only if it is the same, so that no user
   * gets the records of the one who was signed in before. Not a token. Required.
   */
  session: string
}

/**
 * Like `connect`, with one connection for all tabs that have the same URL, session, headers and credentials. Each tab
 * gets every event once. One tab leads and has the connection; when it is closed, crashes or is frozen, another one
 * goes on. A tab that is opened later has a connection of its own until it has what was there before. Where the browser
 * has no Web Locks or no BroadcastChannel, or forbids them, it is `connect`. `onOpen`, `onEnd`, `onChallenge` and
 * `onRenewed` are called in the tab that has the connection; `onState` and `onError` in all. Throws as `connect` does.
 */
export function connectShared(url: string | URL, options: SharedOptions): EventStream {
  const settings = readOptions(options, { session: '' })
  const { session, ...rest } = options
  if (!session)
    throw new TypeError('session must be a text that says whose session it is: the ID of the user')
  const name = nameOf(url, session, settings)
  if (globalThis.navigator?.locks === undefined || globalThis.BroadcastChannel === undefined) {
    return connect(url, rest)
  }
  try {
    return new SharedStream(readUrl(url), name, rest)
  } catch (error) {
    if (error instanceof DOMException) return connect(url, rest)
    throw error
  }
}

/** Raise it when messages.ts changes: one tab may have an older client than another, and cannot read its messages. */
const VERSION = 2

/** Of the lock and the channel: what makes one tab's records another's. */
function nameOf(url: string | URL, session: string, { headers, credentials }: Settings): string {
  return `kafka-sse-client ${VERSION} ${JSON.stringify([readUrl(url), session, headers, credentials])}`
}
