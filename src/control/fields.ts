// Reads the fields of a JSON object, and notes whether one has another type than was asked for. So a reader lists what
// it wants, and asks once at the end whether it got that.

const STAND_IN = { text: '', time: 0 }

/** The fields of a JSON object in UTF-8; null for anything else. */
export function fieldsOf(value: Uint8Array): Fields | null {
  try {
    const read: unknown = JSON.parse(UTF8.decode(value))
    return isObject(read) ? new Fields(read) : null
  } catch {
    return null // neither UTF-8 nor JSON: told by the answer
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })

export class Fields {
  /** Whether a field that was asked for has another type. What was returned for it means nothing. */
  isFaulty = false
  private readonly values: Readonly<Record<string, unknown>>

  constructor(values: Readonly<Record<string, unknown>>) {
    this.values = values
  }

  unknown(name: string): unknown {
    return Object.hasOwn(this.values, name) ? this.values[name] : undefined
  }

  text(name: string): string {
    const value = this.unknown(name)
    return typeof value === 'string' ? value : this.fault(STAND_IN.text)
  }

  textOrNull(name: string): string | null {
    return this.unknown(name) === null ? null : this.text(name)
  }

  /** Epoch ms: a safe integer that is not negative. */
  time(name: string): number {
    const value = this.unknown(name)
    return isTime(value) ? value : this.fault(STAND_IN.time)
  }

  timeOrNull(name: string): number | null {
    return this.unknown(name) === null ? null : this.time(name)
  }

  texts(name: string): readonly string[] {
    const value = this.unknown(name)
    const areTexts = Array.isArray(value) && value.every((each) => typeof each === 'string')
    return areTexts ? value : this.fault([])
  }

  /** An object with one member, which is a text and has one of these names. */
  oneText(name: string, names: readonly string[]): Readonly<Record<string, string>> {
    const value = this.unknown(name)
    const [only, another] = isObject(value) ? Object.entries(value) : []
    if (only === undefined || another !== undefined) return this.fault({})
    const [member, text] = only
    return names.includes(member) && typeof text === 'string' ? { [member]: text } : this.fault({})
  }

  private fault<T>(standIn: T): T {
    this.isFaulty = true
    return standIn
  }
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
