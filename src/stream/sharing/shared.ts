// What the streams of several threads share. Each thread has streams of its own; the main thread counts the places, and
// passes on what concerns the others.

import type { Revocation } from '../../token/revocation.ts'
import { type Admission, type AdmissionLimits, CountedAdmission } from '../admission.ts'
import { NO_RENEWALS, type Renewal, type RenewalCount } from '../holders.ts'

export interface Shared {
  readonly admission: Admission
  /** Renews streams of other threads; resolves with what was found there. */
  readonly renewElsewhere: (renewal: Renewal) => Promise<RenewalCount>
  /** Revokes in other threads. Resolves when it holds there; rejects if that is not sure. */
  readonly revokeElsewhere: (revocation: Revocation) => Promise<void>
}

/** Of the only thread. */
export function unshared(
  limits: AdmissionLimits,
  admission: Admission = new CountedAdmission(limits),
): Shared {
  return {
    admission,
    renewElsewhere: async () => NO_RENEWALS,
    revokeElsewhere: async () => {},
  }
}
