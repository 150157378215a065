// The listening sockets of the workers: a list of descriptors for each, and some lists for replacements. Promise: a
// list is given once, because a worker that ends closes its descriptors.

import { closeSync } from 'node:fs'

export class WorkerSockets {
  private readonly left: (readonly number[])[]

  constructor(lists: readonly (readonly number[])[]) {
    this.left = [...lists]
  }

  get areLeft(): boolean {
    return this.left.length > 0
  }

  take(): readonly number[] {
    return this.left.shift() ?? []
  }

  /**
   * Closes those that no worker has. Else the port stays open once the last worker has closed its own, and takes
   * connections that nothing accepts.
   */
  closeLeft(): void {
    for (const descriptor of this.left.splice(0).flat()) closeSync(descriptor)
  }
}
