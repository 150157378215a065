// A page's code: no types of Node, only the DOM's.

import { connect, StreamError, type StreamEvent } from 'kafka-sse-client'

const list = document.querySelector('ul')

function show({ data }: StreamEvent): void {
  list?.append(Object.assign(document.createElement('li'), { textContent: String(data) }))
}

export const stream = connect('/events', {
  getToken: async () => (await fetch('/token')).text(),
  onEvent: show,
  onError: (error) => {
    if (error instanceof StreamError) console.error(error.code)
  },
})
