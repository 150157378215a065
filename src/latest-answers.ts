// A question that many ask at once: one is under way, one more waits for all who asked since that one began.
// So every caller gets an answer that was asked for after the call, and Kafka is asked at most one question at a time.

/** Somebody who is told when a question is over: a call that costs little, since all who wait are told in one turn. */
export interface Waiter {
  answered(): void
}

/** One question, from before it is put until it is answered. */
export class Question<T> {
  /** null as long as there is none. */
  answer: T | null = null
  /** Why there never will be one. */
  error: unknown = null
  isOver = false
  private readonly waiting = new Set<Waiter>()

  /** Tells `waiter` once when it is over, unless it leaves before. */
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
    for (const waiter of this.waiting) waiter.answered()
    this.waiting.clear()
  }
}

export class LatestAnswers<T> {
  private readonly question: () => Promise<T>
  private current: Question<T> | null = null
  private next: Question<T> | null = null

  /** `question` may take as long as it likes; it is never put again before it has settled. */
  constructor(question: () => Promise<T>) {
    this.question = question
  }

  /** The question that is put now, or else next. */
  put(): Question<T> {
    if (this.current === null) return this.begin(new Question<T>())
    this.next ??= new Question<T>()
    return this.next
  }

  /** Its answer. Rejects when `signal` aborts, or as the question rejects. */
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
  }
}

/** Resolves when the question is over or nobody waits for it here any more. */
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
