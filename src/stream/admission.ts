// Counts the open streams of a process, in all its threads: in total, by holder and by address. The limits are compared
// with these counts.

export interface AdmissionLimits {
  readonly streamsMax: number
  readonly streamsPerSubjectMax: number
  readonly streamsPerAddressMax: number
}

/** A stream's place within the limits. Release it when the stream is over; a second release does nothing. */
export interface Admitted {
  release(): void
}

export interface Admission {
  /** Whether one more stream from this address is within the limits, for any holder. Asked before a token is read. */
  hasRoom(address: string): boolean | Promise<boolean>
  /** Takes a place for a stream; null if its address or its holder has as many streams as it may. */
  admit(address: string, holder: string): Admitted | null | Promise<Admitted | null>
}

/** Counts every stream. A process has one of these. */
export class CountedAdmission implements Admission {
  private limits: AdmissionLimits
  private readonly byAddress = new Map<string, number>()
  private readonly byHolder = new Map<string, number>()
  private count = 0

  constructor(limits: AdmissionLimits) {
    this.limits = limits
  }

  /** Takes other limits. Streams that are open stay, even if they are more than that. */
  limitTo(limits: AdmissionLimits): void {
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
