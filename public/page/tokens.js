// The page's tokens: one that the user pasted; else one that the demo issues, for streams of its own origin only.

const TIMEOUT_MS = 5_000

export class Tokens {
  #field
  /** Whether this server issues tokens to its page; null until it has answered. */
  isDemo = null
  /** Paths of the demo's streams of whole records, by the paths of the streams of their values. */
  envelopes = {}
  /** `exp` of the newest token, in epoch ms; null if unknown. */
  expiresAtMs = null

  constructor(field) {
    this.#field = field
  }

  /** For a stream at this origin; null if there is none. */
  async make(isOwnOrigin, signal) {
    const token = this.#field.value.trim() || (isOwnOrigin && (await this.#fromDemo(signal))) || null
    this.expiresAtMs = token === null ? null : expiryMs(token)
    return token
  }

  /** Finds out whether the demo is there. */
  async askForDemo() {
    try {
      await this.#fromDemo(AbortSignal.timeout(TIMEOUT_MS))
    } catch (error) {
      console.error('error', 'demo token', error.message)
    }
  }

  /** Path of the demo's stream of the same records with their keys; null if there is none. */
  wholeRecordsOf({ origin, pathname }) {
    return (origin === window.location.origin && this.envelopes[pathname]) || null
  }

  /** Whether the demo's stream at this URL sends whole records; null where it is not known. */
  sendsWhole(url) {
    if (this.wholeRecordsOf(url) !== null) return false
    return url.origin === window.location.origin && Object.values(this.envelopes).includes(url.pathname)
      ? true
      : null
  }

  async #fromDemo(signal) {
    if (this.isDemo === false) return null
    const response = await fetch('/demo/token', { method: 'POST', cache: 'no-store', signal })
    this.isDemo = response.ok || (response.status === 404 ? false : this.isDemo)
    if (this.isDemo === false) return null
    if (!response.ok) throw new Error(`/demo/token answered ${response.status}`)
    const { token, envelopes } = await response.json()
    this.envelopes = envelopes ?? {}
    return token
  }
}

/** The `exp` of a JWT in epoch ms, for the countdown; null if it cannot be read. */
function expiryMs(token) {
  try {
    const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')
    const { exp } = JSON.parse(atob(payload))
    return typeof exp === 'number' ? exp * 1_000 : null
  } catch {
    return null
  }
}
