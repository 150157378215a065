// Shares a question to Kafka among all callers. At most one question is under way; the next one serves all callers that
// come meanwhile. So each caller gets the answer to a question that was put after its call.

export interface Waiter {
  /** Called when a question is over, with an answer or with an error. */
  answered(): void
}

/** One question, from before it is put until it is over. */
export class Question<T> {
  /** null until the question is answered. */
  answer: T | null = null
  /** Why the question failed. null if it has not. */
  error: unknown = null
  isOver = false
  private readonly waiting = new Set<Waiter>()
  /** The waiters that are still to be told, once the question is over. */
  private remaining: Iterator<Waiter> | null = null

  /** Tells `waiter` once when the question is over, or at once if it is over already. `leave` cancels that. */
  join(waiter: Waiter): void {
    if (this.isOver) waiter.answered()
    else this.waiting.add(waiter)
  }

  leave(waiter: Waiter): void {
    this.waiting.delete(waiter)
  }

  settle(answer: T | null, error: unknown): void {
    this.answer = answer
    this.error = error
    this.isOver = true
  }

  /** Tells the next waiter that the question is over. Returns false if there is none. */
  tellNext(): boolean {
    this.remaining ??= this.waiting.values()
    const { value, done } = this.remaining.next()
    if (done) return false
    this.waiting.delete(value)
    value.answered()
    return true
  }
}

export class SharedAnswer<T> {
  private readonly question: () => Promise<T>
  private readonly announce: (question: Question<T>) => void
  private current: Question<T> | null = null
  private next: Question<T> | null = null

  /**
   * `question` may take any time; it is never called again before it has settled. `announce` must tell the waiters by
   * `tellNext`; there may be 100,000 of them. By default all are told at once.
   */
  constructor(question: () => Promise<T>, announce: (question: Question<T>) => void = tellAll) {
    this.question = question
    this.announce = announce
  }

  /** A question that is put now, or when the current one has settled. */
  put(): Question<T> {
    if (this.current === null) return this.begin(new Question<T>())
    this.next ??= new Question<T>()
    return this.next
  }

  /** The answer to a question that is put after this call. Rejects if `signal` aborts or the question rejects. */
  async ask(signal: AbortSignal): Promise<T> {
    signal.throwIfAborted()
    const question = this.put()
    await over(question, signal)
    signal.throwIfAborted()
    if (question.error !== null) throw question.error
    return question.answer as T // it is over, without an error
  }

  private begin(question: Question<T>): Question<T> {
    this.current = question
    this.question().then(
      (answer) => this.settle(question, answer, null),
      (error: unknown) => this.settle(question, null, error ?? new Error('it was not answered')),
    )
    return question
  }

  private settle(question: Question<T>, answer: T | null, error: unknown): void {
    const { next } = this
    this.next = null
    this.current = null
    if (next !== null) this.begin(next)
    question.settle(answer, error)
    this.announce(question)
  }
}

function tellAll(question: Question<unknown>): void {
  while (question.tellNext());
}

/** Resolves when the question is over or `signal` aborts. Never rejects. */
function over(question: Question<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener('abort', done)
      question.leave(waiter)
      resolve()
    }
    const waiter = { answered: done }
    signal.addEventListener('abort', done, { once: true })
    question.join(waiter)
  })
}
