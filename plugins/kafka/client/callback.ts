// node-rdkafka answers by callback: here as promises.

export type Callback<T> = (error: unknown, value?: T) => void

/** What the callback that `call` hands on is called with. */
export function answerOf<T>(call: (callback: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => (error ? reject(error) : resolve(value as T))) // left out only where T says nothing
  })
}
