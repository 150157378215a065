// What a check of a deployment found: one finding a line, each with a verdict and what to do. Promise: a finding is
// handed on as soon as it is known, so that a slow check hides no other.

export type Verdict = 'ok' | 'warn' | 'fail'

export interface CheckFinding {
  /** What was looked at: `configuration`, `certificate`, `brokers`, … */
  readonly check: string
  readonly verdict: Verdict
  readonly words: string
  /** What to do; null if the words say it, or nothing has to be done. */
  readonly advice: string | null
}

/** From the best to the worst. */
const VERDICTS: readonly Verdict[] = ['ok', 'warn', 'fail']

export class CheckReport {
  private readonly onFinding: (finding: CheckFinding) => void
  private worstFound: Verdict = 'ok'

  constructor(onFinding: (finding: CheckFinding) => void) {
    this.onFinding = onFinding
  }

  /** The worst verdict so far. */
  get worst(): Verdict {
    return this.worstFound
  }

  ok(check: string, words: string): void {
    this.add({ check, verdict: 'ok', words, advice: null })
  }

  warn(check: string, words: string, advice: string | null = null): void {
    this.add({ check, verdict: 'warn', words, advice })
  }

  fail(check: string, words: string, advice: string | null = null): void {
    this.add({ check, verdict: 'fail', words, advice })
  }

  private add(finding: CheckFinding): void {
    if (VERDICTS.indexOf(finding.verdict) > VERDICTS.indexOf(this.worstFound))
      this.worstFound = finding.verdict
    this.onFinding(finding)
  }
}
