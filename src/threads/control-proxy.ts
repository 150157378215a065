// A worker's way to the control center, which is in the main thread. An error that comes from there is one of Kafka.

import type { ControlCenter } from '../control/control-center.ts'
import { ControlUnwritable } from '../errors.ts'
import type { Renewal } from '../stream/holders.ts'
import type { Channel } from './channel.ts'
import type { ToMain, ToWorker } from './messages.ts'

export class ControlProxy implements Pick<ControlCenter, 'renew'> {
  private readonly main: Pick<Channel<ToMain, ToWorker>, 'ask'>

  constructor(main: Pick<Channel<ToMain, ToWorker>, 'ask'>) {
    this.main = main
  }

  async renew(renewal: Renewal): Promise<void> {
    await this.main.ask('controlRenew', renewal).catch(() => {
      throw new ControlUnwritable()
    })
  }
}
