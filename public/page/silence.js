// What it may mean that an open stream brings nothing. Its heartbeats say that the server is there, and not whether
// that server reaches Kafka. So the page tells how long nothing has come, and where to look.

import { duration } from '../shared/numbers.js'

/** A shorter silence is not worth a word. */
const SILENT_AFTER_MS = 10_000
const WHERE = 'or the server does not reach Kafka: its /health/ready says which.'

export class Silence {
  /** When the last event came, or the stream was opened; null while it is not open. */
  #sinceMs = null
  /** Whether all is there that Kafka held before. */
  #isReady = false

  opened(nowMs) {
    this.#sinceMs = nowMs
    this.#isReady = false
  }

  heard({ type, data }, nowMs) {
    if (this.#sinceMs === null) return
    this.#sinceMs = nowMs
    if (type === 'ready') this.#isReady = true
    // After any other gap the stream begins again.
    if (type === 'gap' && data !== 'too-large') this.#isReady = false
  }

  ended() {
    this.#sinceMs = null
  }

  /** `{ words, advice }`; null if there is nothing to say. */
  tell(nowMs) {
    if (this.#sinceMs === null || nowMs - this.#sinceMs < SILENT_AFTER_MS) return null
    const words = `· no record for ${duration((nowMs - this.#sinceMs) / 1_000)}`
    const advice = this.#isReady ? 'None was written,' : 'What Kafka held is still being read,'
    return { words, advice: `${advice} ${WHERE}` }
  }
}
