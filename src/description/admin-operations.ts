// What the admin routes answer: docs/observing.md, as schemas. Who may ask is decided by the hooks of the host's app.

import { Busy } from '../errors.ts'
import { answersOf } from './refusals.ts'
import { type AnswerSchema, type OperationSchema, type ValueSchema, wholeObjectOf } from './schema.ts'

const TAGS = ['operations']

/** GET of /health/live. */
export function liveOperation(): OperationSchema {
  return {
    summary: 'Tells whether the process serves',
    description: 'For as long as it does. A process that fails to answer is to be restarted.',
    tags: TAGS,
    response: {
      200: answer(
        'It serves',
        'application/json',
        wholeObjectOf({ live: { type: 'boolean', enum: [true] } }),
      ),
    },
  }
}

/** GET of /health/ready. */
export function readyOperation(): OperationSchema {
  const ready = (value: boolean): ValueSchema => ({ type: 'boolean', enum: [value] })
  const reasons: ValueSchema = { type: 'array', items: { type: 'string' }, description: 'For an operator' }
  return {
    summary: 'Tells whether the process is to get new streams',
    description: 'Load balancers send no new streams while the answer is 503.',
    tags: TAGS,
    response: {
      200: answer('It is ready', 'application/json', wholeObjectOf({ ready: ready(true) })),
      503: answer('It is not ready', 'application/json', wholeObjectOf({ ready: ready(false), reasons })),
    },
  }
}

/** GET of /metrics. */
export function metricsOperation(): OperationSchema {
  return {
    summary: 'Has every metric',
    description: 'As of the request, for Prometheus and what reads its text format.',
    tags: TAGS,
    response: { 200: answer('The metrics', 'text/plain', { type: 'string' }) },
  }
}

/** GET of /status. */
export function statusOperation(): OperationSchema {
  return {
    summary: 'Shows live figures as a page',
    description: 'For operators in a browser. The page reads its figures from the events below it.',
    tags: TAGS,
    response: { 200: answer('The page', 'text/html', { type: 'string' }) },
  }
}

/** GET of /status/events. */
export function statusEventsOperation(): OperationSchema {
  return {
    summary: 'Sends the figures of the status page',
    description: 'Server-sent events, about one a second. The data of each is all figures, as JSON.',
    tags: TAGS,
    response: { 200: answer('The events', 'text/event-stream', { type: 'string' }), ...answersOf([Busy]) },
  }
}

function answer(description: string, type: string, schema: ValueSchema): AnswerSchema {
  return { description, content: { [type]: { schema } } }
}
