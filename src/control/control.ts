// The interface of what replicas tell each other, for the routes of a thread: the decorator `app.kafkaSseControl`, null
// without a control topic. What is revoked stands in `app.kafkaSseStreams.revocations`, with a control topic or not.

import type { Renewal } from '../stream/holders.ts'

export interface Control {
  /** null: new streams may open. Otherwise why not, for an operator: the topic is not read to its end, or is silent. */
  trouble(): string | null
  /** Hands a renewal to the other replicas. Resolves when Kafka has it; rejects with ControlUnwritable. */
  renew(renewal: Renewal): Promise<void>
}
