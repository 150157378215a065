// node-rdkafka's callbacks as promises.

export type Callback<T> = (error: unknown, value?: T) => void

/** Resolves with the value that `call`'s callback gets; rejects with its error. */
export function answerOf<T>(call: (callback: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => (error ? reject(error) : resolve(value as T))) // left out only where T says nothing
  })
}
