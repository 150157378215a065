// A question that many ask at once: one is under way, one more waits for all who asked since that one began.
// So every caller gets an answer that was asked for after the call, and Kafka is asked at most one question at a time.

/** Is told when a question is over. */
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
  /** Those who have yet to be told, once it is over. */
  private untold: Iterator<Waiter> | null = null

  /** `waiter` is told once when it is over, unless it leaves before. */
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

  /** Tells one of those who wait that it is over; false where nobody is left. */
  tellNext(): boolean {
    this.untold ??= this.waiting.values()
    const { value, done } = this.untold.next()
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
   * `question` may take as long as it likes; it is never put again before it has settled. `announce` has those told who wait,
   * of whom there may be a hundred thousand; without it all are told at once.
   */
  constructor(question: () => Promise<T>, announce: (question: Question<T>) => void = tellAll) {
    this.question = question
    this.announce = announce
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
    this.announce(question)
  }
}

function tellAll(question: Question<unknown>): void {
  while (question.tellNext());
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
