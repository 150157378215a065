// A question that many ask at once: one is under way, one more waits for all who asked since that one began.
// So every caller gets an answer that was asked for after the call, and Kafka is asked at most one question at a time.

export class LatestAnswers<T> {
  private readonly question: () => Promise<T>
  private current: Promise<T> | null = null
  private next: Promise<T> | null = null

  /** `question` may take as long as it likes; it is never put again before it has settled. */
  constructor(question: () => Promise<T>) {
    this.question = question
  }

  /** Rejects when `signal` aborts, or as the question rejects. */
  ask(signal: AbortSignal): Promise<T> {
    if (signal.aborted) return Promise.reject(signal.reason)
    return unlessAborted(this.current === null ? this.begin() : this.queue(this.current), signal)
  }

  private begin(): Promise<T> {
    const answer = this.question()
    this.current = answer
    const settled = () => {
      if (this.current === answer) this.current = null
    }
    answer.then(settled, settled)
    return answer
  }

  private queue(current: Promise<T>): Promise<T> {
    if (this.next === null) {
      const begin = () => {
        this.next = null
        return this.begin()
      }
      this.next = current.then(begin, begin)
    }
    return this.next
  }
}

function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
