// Brings what was read again into effect. Promise: everything or nothing, and one line in the log for each outcome; the
// settings before stay in use if anything is wrong with the new ones. No value is logged.

import { errorWords } from '../errors.ts'
import type { Certificate } from '../http/listener.ts'
import type { LogLevel, ServerOptions } from '../options.ts'
import { refuseExpired } from './certificate-end.ts'
import { differences, reloaded } from './differences.ts'
import { type LiveOptions, liveOptions } from './live-settings.ts'
import { readPair } from './replaced-files.ts'
import type { Occasion, SettingsReading } from './settings-reader.ts'

interface ReloadLog {
  info(about: { occasion: Occasion; changed: readonly string[] }, words: string): void
  warn(about: { settings: readonly string[] }, words: string): void
  error(about: { occasion: Occasion; problem: string }, words: string): void
}

export interface Reloadable {
  readonly log: ReloadLog
  /** What is served; null without TLS, or before it listens. */
  readonly certificate: Certificate | null
  /** In all threads. `certificate`: null if the one that is served stays. Rejects if a thread does not take it. */
  reload(options: LiveOptions, certificate: Certificate | null): Promise<void>
  /** The lowest level that this thread logs. */
  logFrom(level: LogLevel): void
}

const CERTIFICATE = ['TLS_CERT_FILE', 'TLS_KEY_FILE']
const STAY = 'settings are not read again; those before stay in use'

export class Reload {
  private readonly app: Reloadable
  private options: ServerOptions
  /** The newest reading that waits for the one under way. */
  private waiting: SettingsReading | null = null
  private running: Promise<void> | null = null

  constructor(app: Reloadable, options: ServerOptions) {
    this.app = app
    this.options = options
  }

  /**
   * Resolves when no reading is under way any more: this one is in effect, or refused, or a later one took its place
   * while it waited.
   */
  take(reading: SettingsReading): Promise<void> {
    this.waiting = reading
    this.running ??= this.run()
    return this.running
  }

  private async run(): Promise<void> {
    while (this.waiting !== null) {
      const reading = this.waiting
      this.waiting = null
      await this.use(reading)
    }
    this.running = null
  }

  private async use(reading: SettingsReading): Promise<void> {
    const { occasion } = reading
    if ('problems' in reading) {
      for (const problem of reading.problems) this.app.log.error({ occasion, problem }, STAY)
      return
    }
    try {
      const certificate = await this.newCertificate()
      await this.change(occasion, reading.options, certificate)
    } catch (error) {
      this.app.log.error({ occasion, problem: errorWords(error) }, STAY)
    }
  }

  private async change(
    occasion: Occasion,
    next: ServerOptions,
    certificate: Certificate | null,
  ): Promise<void> {
    const { log } = this.app
    // A reload that raises the level does not silence its own lines.
    this.app.logFrom(lowerOf(this.options.logLevel, next.logLevel))
    const { live, restart } = differences(this.options, next)
    this.options = reloaded(this.options, next)
    const changed = [...(certificate === null ? [] : CERTIFICATE), ...live]
    try {
      await this.app.reload(liveOptions(this.options), certificate)
      log.info({ occasion, changed }, 'settings read again')
    } catch (error) {
      // All other threads have them, and what starts later has, too.
      log.error({ occasion, problem: errorWords(error) }, 'new settings may not be in use in every thread')
    }
    if (restart.length > 0) log.warn({ settings: restart }, 'changed settings take effect after a restart')
    this.app.logFrom(next.logLevel)
  }

  /** The pair that the files hold; null if it is served already. Rejects if its parts do not belong together. */
  private async newCertificate(): Promise<Certificate | null> {
    const { tls } = this.options
    const { certificate: served } = this.app
    if (tls === null || served === null) return null
    const read = await readPair(tls)
    if (read.cert.equals(served.cert) && read.key.equals(served.key)) return null
    refuseExpired(read)
    return read
  }
}

/** From the one that logs most. */
const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

function lowerOf(one: LogLevel, other: LogLevel): LogLevel {
  return LEVELS.indexOf(one) < LEVELS.indexOf(other) ? one : other
}
