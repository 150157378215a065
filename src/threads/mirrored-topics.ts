// A worker's topics: mirrors of the main thread's buses. A topic that a client names in a path is mirrored from its
// first stream in this worker to its last. Promise: streams that ask at once share one mirror.

import type { Encoding, Keeps } from '../bus/record.ts'
import { SharedAnswer } from '../bus/shared-answer.ts'
import {
  requireSelectors,
  type Topic,
  type TopicLease,
  type TopicRefusal,
  type TopicSource,
} from '../bus/topic.ts'
import type { Selector } from '../routing/selector.ts'
import { BusMirror } from './bus-mirror.ts'
import type { Channel } from './channel.ts'
import type { ToMain, TopicName, TopicUpdate, ToWorker } from './messages.ts'

type Main = Pick<Channel<ToMain, ToWorker>, 'ask' | 'tell'>

/** A mirror and its topic. */
interface Mirrored {
  /** Its number in messages, which no other topic of this worker has ever had. */
  readonly number: number
  readonly mirror: BusMirror
  readonly topic: Topic
}

interface Held extends Mirrored {
  /** Streams, and requests that wait for the main thread. */
  users: number
  readonly opening: Promise<'open' | TopicRefusal>
}

export class MirroredTopics implements TopicSource {
  private readonly main: Main
  private readonly thread: number
  private readonly fixed: ReadonlyMap<string, Topic>
  private readonly held = new Map<string, Held>()
  private readonly mirrors = new Map<number, BusMirror>()
  private readonly listeners = new Set<(topic: Topic) => void>()
  private lastNumber = -1

  /** `thread`: see BusMirror. `fixed`: the topics that are always open, in the main thread's order. */
  constructor(main: Main, thread: number, fixed: readonly TopicName[]) {
    this.main = main
    this.thread = thread
    this.fixed = new Map(fixed.map((name) => [keyOf(name), this.mirror(name).topic]))
  }

  open(name: string, encoding: Encoding, keeps: Keeps, selectors: readonly Selector[] = []): Topic {
    const topic = this.fixed.get(keyOf({ name, encoding, keeps }))
    if (topic === undefined) throw new Error(`topic ${name} is not read`)
    requireSelectors(topic, selectors)
    return topic
  }

  async acquire(
    name: string,
    encoding: Encoding,
    keeps: Keeps,
    selectors: readonly Selector[] = [],
  ): Promise<TopicLease | TopicRefusal> {
    const topicName = { name, encoding, keeps, selectors }
    const held = this.held.get(keyOf(topicName)) ?? this.begin(topicName)
    requireSelectors(held.topic, selectors)
    held.users++
    const outcome = await held.opening
    if (outcome !== 'open') return outcome
    let isReleased = false
    const release = () => {
      if (isReleased) return
      isReleased = true
      held.users--
      if (held.users === 0) this.close(topicName, held)
    }
    return { topic: held.topic, release }
  }

  onClosed(listener: (topic: Topic) => void): void {
    this.listeners.add(listener)
  }

  /** Updates of a topic that was closed here meanwhile are left out. */
  receive(updates: readonly TopicUpdate[]): void {
    for (const { topic, update } of updates) this.mirrors.get(topic)?.receive(update)
  }

  /** The mirror is there before the main thread is asked, because its first updates may come before the answer. */
  private begin(name: TopicName): Held {
    const mirrored = this.mirror(name)
    const held = { ...mirrored, users: 0, opening: this.ask(name, mirrored.number) }
    this.held.set(keyOf(name), held)
    return held
  }

  private async ask(name: TopicName, number: number): Promise<'open' | TopicRefusal> {
    let outcome: 'open' | TopicRefusal = 'unknown'
    try {
      outcome = await this.main.ask('acquireTopic', { topic: number, name })
    } finally {
      if (outcome !== 'open') this.forget(name, number)
    }
    return outcome
  }

  private close(name: TopicName, { number, topic }: Held): void {
    this.forget(name, number)
    this.main.tell('releaseTopic', { topic: number })
    for (const listener of this.listeners) listener(topic)
  }

  private forget(name: TopicName, number: number): void {
    this.held.delete(keyOf(name))
    this.mirrors.delete(number)
  }

  private mirror({ name, encoding, selectors }: TopicName): Mirrored {
    const number = ++this.lastNumber
    const bus = new BusMirror(this.thread, selectors)
    this.mirrors.set(number, bus)
    // At most two questions at once, for any number of streams, even if the streams leave.
    const watermarks = new SharedAnswer(() => this.main.ask('watermarks', { topic: number }))
    return {
      number,
      mirror: bus,
      topic: { name, encoding, bus, watermarks: (signal) => watermarks.ask(signal) },
    }
  }
}

function keyOf({ name, encoding, keeps }: Pick<TopicName, 'name' | 'encoding' | 'keeps'>): string {
  return `${encoding} ${keeps} ${name}`
}
