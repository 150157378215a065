import type { Duplex } from 'node:stream'

export class FrameTap extends Duplex {
  constructor(port: number)
  onData: (stream: number, payload: Buffer) => void
  deafen(): void
  hear(): void
}
