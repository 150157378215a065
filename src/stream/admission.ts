// How many streams are open, in all and by holder and address: what the limits count, over all threads of a process.

export interface AdmissionLimits {
  readonly streamsMax: number
  readonly streamsPerSubjectMax: number
  readonly streamsPerAddressMax: number
}

/** A stream's place within the limits, to be released when it is over. Released again, it is nothing. */
export interface Admitted {
  release(): void
}

export interface Admission {
  /** Whether one more stream of this address is within the limits, whoever it is for: asked before a token is looked at. */
  hasRoom(address: string): boolean | Promise<boolean>
  /** A place for a stream; null where one more of this address or this holder would be too many. */
  admit(address: string, holder: string): Admitted | null | Promise<Admitted | null>
}

/** For all streams that there are: one for each process. */
export class CountedAdmission implements Admission {
  private readonly limits: AdmissionLimits
  private readonly byAddress = new Map<string, number>()
  private readonly byHolder = new Map<string, number>()
  private count = 0

  constructor(limits: AdmissionLimits) {
    this.limits = limits
  }

  hasRoom(address: string): boolean {
    const { streamsMax, streamsPerAddressMax } = this.limits
    return this.count < streamsMax && (this.byAddress.get(address) ?? 0) < streamsPerAddressMax
  }

  admit(address: string, holder: string): Admitted | null {
    const isHolderAtLimit = (this.byHolder.get(holder) ?? 0) >= this.limits.streamsPerSubjectMax
    if (isHolderAtLimit || !this.hasRoom(address)) return null
    this.add(address, holder, 1)
    let isHeld = true
    const release = () => {
      if (isHeld) this.add(address, holder, -1)
      isHeld = false
    }
    return { release }
  }

  private add(address: string, holder: string, change: 1 | -1): void {
    this.count += change
    addTo(this.byAddress, address, change)
    addTo(this.byHolder, holder, change)
  }
}

function addTo(counts: Map<string, number>, name: string, change: 1 | -1): void {
  const count = (counts.get(name) ?? 0) + change
  if (count > 0) counts.set(name, count)
  else counts.delete(name)
}
