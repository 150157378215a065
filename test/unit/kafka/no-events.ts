// The events of a consumer, for tests that do not look at them.

import type { ConsumerEvents } from '../../../plugins/kafka/client/record-source.ts'

export const NO_EVENTS = {
  onRecord: () => {},
  onEnd: () => {},
  onBatchEnd: () => {},
  onTrouble: () => {},
  onLog: () => {},
  onTopicId: () => {},
  onStop: () => {},
} satisfies ConsumerEvents
