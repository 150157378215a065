// The producer in a process of its own, as a test starts it.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export class MovingProducer {
  private readonly places: Record<string, string>
  private readonly path: string
  private child: ChildProcess | null = null

  /** `file`: the program, which stands beside this one. */
  constructor(bootstrapServers: string, topic: string, file = 'moving-producer.mjs') {
    this.places = { BOOTSTRAP_SERVERS: bootstrapServers, TOPIC: topic }
    this.path = fileURLToPath(new URL(file, import.meta.url))
  }

  /** Resolves, when Kafka has all of them, with the numbers of records that it tells: of each partition, or topic. */
  async produce(numbers: Record<string, number>): Promise<number[]> {
    const settings = Object.entries(numbers).map(([name, number]) => [name, String(number)])
    const child = fork(this.path, {
      env: { ...process.env, ...this.places, ...Object.fromEntries(settings) },
      execArgv: [],
    })
    this.child = child
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`the producer ended with ${code} before Kafka had everything`)
    })
    const [{ produced }] = await Promise.race([once(child, 'message'), ended])
    return produced
  }

  close(): void {
    this.child?.kill('SIGKILL')
  }
}
