// Whether this process should get new streams now, and if not, why. The reasons are for operators and hold no
// credentials.

import type { FedTopic, Topics } from '../bus/topic.ts'
import type { ControlCenter } from '../control/control-center.ts'
import type { Streams } from '../stream/streams.ts'
import type { StreamWatch } from '../stream/watching/stream-watch.ts'
import type { Authenticator } from '../token/authenticator.ts'
import type { Revocations } from '../token/revocations.ts'

/** The parts that a process's readiness depends on. */
export interface Parts {
  readonly streams: Pick<Streams, 'figures' | 'isDraining'> & {
    readonly revocations: Pick<Revocations, 'isFull' | 'size'>
    readonly watch: Pick<StreamWatch, 'list'>
  }
  readonly topics: Pick<Topics, 'all' | 'byPath' | 'library' | 'partitionsShownMax'>
  readonly authenticator: Pick<Authenticator, 'keysReady' | 'keyFetches'>
  /** null without a control topic. */
  readonly control: Pick<ControlCenter, 'state' | 'figures'> | null
  /** Set in a process that lingers before it drains; without it only the drain counts. */
  readonly departure?: { readonly isAnnounced: boolean }
}

/** Whether the process is shutting down. */
export function isLeaving({
  streams,
  departure,
}: Pick<Parts, 'departure'> & {
  readonly streams: Pick<Parts['streams'], 'isDraining'>
}): boolean {
  return streams.isDraining || departure?.isAnnounced === true
}

/**
 * Each reason once, even if several topics share it; empty if the process is ready. Topics that clients name in a path
 * do not count.
 */
export function notReadyReasons({ topics, authenticator, control, ...parts }: Parts): string[] {
  const reasons = [
    isLeaving(parts) ? 'the server is draining' : null,
    parts.streams.revocations.isFull ? 'there is no room for more revocations' : null,
    ...topics.all().map(topicNotReady),
    authenticator.keysReady(),
    control?.state().trouble ?? null,
  ]
  return [...new Set(reasons.filter((reason) => reason !== null))]
}

/** Kafka's trouble comes before a bus that is still being read, because it is mostly the cause. */
function topicNotReady(topic: FedTopic): string | null {
  const { bus, name } = topic
  // A bus that outgrows its bounds later stays ready; otherwise all replicas would turn red at once.
  if (bus.isTooSmall || (!bus.caughtUp && !bus.isWhole))
    return `topic ${name} does not fit: no snapshots, live records only`
  return topic.notReady() ?? (bus.caughtUp ? null : `topic ${name} is still being read`)
}
