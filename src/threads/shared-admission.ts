// A worker's access to the limits, which the main thread counts. Released places are reported once a turn, because
// thousands of streams may end in one turn. Promise: they are reported before any later question for a place.

import type { Admission, Admitted } from '../stream/admission.ts'
import type { Channel } from './channel.ts'
import type { ToMain, ToWorker } from './messages.ts'

export class SharedAdmission implements Admission {
  private readonly main: Pick<Channel<ToMain, ToWorker>, 'ask' | 'tell'>
  private released: number[] = []

  constructor(main: Pick<Channel<ToMain, ToWorker>, 'ask' | 'tell'>) {
    this.main = main
  }

  hasRoom(address: string): Promise<boolean> {
    this.tellReleased()
    return this.main.ask('hasRoom', { address })
  }

  async admit(address: string, holder: string): Promise<Admitted | null> {
    this.tellReleased()
    const place = await this.main.ask('admit', { address, holder })
    return place === null ? null : { release: () => this.release(place) }
  }

  private release(place: number): void {
    if (this.released.length === 0) setImmediate(() => this.tellReleased())
    this.released.push(place)
  }

  private tellReleased(): void {
    if (this.released.length === 0) return
    this.main.tell('release', { places: this.released })
    this.released = []
  }
}
