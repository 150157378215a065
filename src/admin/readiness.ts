// Whether this process should get new streams now, and if not, why: in words for an operator, without any credential.

import type { FedTopic, Topics } from '../bus/topic.ts'
import type { Streams } from '../stream/streams.ts'
import type { Authenticator } from '../token/authenticator.ts'

/** The parts that can hold a process up. */
export interface Parts {
  readonly streams: Pick<Streams, 'figures' | 'isDraining'>
  readonly topics: Pick<Topics, 'all'>
  readonly authenticator: Pick<Authenticator, 'keysReady'>
  /** Announced before the streams are drained, in a process that lingers; without it there is nothing but the drain. */
  readonly departure?: { readonly isAnnounced: boolean }
}

/** Whether the process was told to stop. */
export function isLeaving({
  streams,
  departure,
}: Pick<Parts, 'departure'> & {
  readonly streams: Pick<Parts['streams'], 'isDraining'>
}): boolean {
  return streams.isDraining || departure?.isAnnounced === true
}

/** Each reason once, however many topics share it; none when the process is ready. */
export function notReadyReasons({ topics, authenticator, ...parts }: Parts): string[] {
  const reasons = [
    isLeaving(parts) ? 'the server is draining' : null,
    ...topics.all().map(topicNotReady),
    authenticator.keysReady(),
  ]
  return [...new Set(reasons.filter((reason) => reason !== null))]
}

/** Kafka's own trouble before a bus that does not fill, which mostly has that for its cause. */
function topicNotReady(topic: FedTopic): string | null {
  const { bus, name } = topic
  // One that outgrows its bounds later stays ready: all replicas would turn red at once.
  if (bus.isTooSmall || (!bus.caughtUp && !bus.isWhole))
    return `topic ${name} does not fit: no snapshots, live records only`
  return topic.notReady() ?? (bus.caughtUp ? null : `topic ${name} is still being read`)
}
