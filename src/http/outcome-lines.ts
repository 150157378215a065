// What the log says of how a request ended. Promise: a refusal is one line without a stack, and no line holds a
// credential.

import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  ControlUnread,
  ControlUnwritable,
  Draining,
  errorCode,
  KafkaUnavailable,
  KeysUnavailable,
  RevocationsFull,
  TicketsUnavailable,
  TopicsFull,
} from '../errors.ts'
import { clientAddress } from '../limits/client-address.ts'
import { LineBudget } from './line-budget.ts'
import { redactText, redactUrl } from './redaction.ts'

/** Requests that have a line of their own, or were not to have one, and why they were refused. */
const told = new WeakMap<object, RefusalWords>()

/** The caller tells how this request ends, so that no other line has to. */
export function noteTold(request: FastifyRequest, words: RefusalWords = {}): void {
  told.set(request, words)
}

/** Why the request was refused, as its line says; nothing if it has none of its own. */
export function refusalWords(request: FastifyRequest): RefusalWords {
  return told.get(request) ?? {}
}

export function isTold(request: FastifyRequest): boolean {
  return told.has(request)
}

/** Which outcomes have a line of their own. Changes when the settings are read again. */
export interface LoggedOutcomes {
  refusals: boolean
  streamEnds: boolean
}

/** Why something was refused. Holds nothing of what a client has sent. */
export interface RefusalWords {
  /** Which check has failed, in a word. */
  readonly check?: string
  /** Of the error that was answered. */
  readonly code?: string
  readonly reason?: string
  /** By how many seconds a time was off. */
  readonly offSeconds?: number
}

/**
 * One line for a refused token, ticket or session, unless its address has had too many. `words` has the kind, such as
 * `token refused`.
 */
export function tellRefused(request: FastifyRequest, refusal: RefusalWords, words: string): void {
  noteTold(request, refusal)
  if (hasLine(request)) request.log.info({ ...refusal, ...senderOf(request) }, words)
}

/** Of this thread: all of its apps. */
const budget = new LineBudget()
/** Time between two lines about requests that have none. */
export const TOLD_MS = 10_000
let isTelling = false

type Sender = Parameters<typeof clientAddress>[0]

const senders = new WeakMap<FastifyRequest, Sender>()

/** Keeps where the request comes from. Call it as the request begins: over HTTP/2 its end no longer tells. */
export function noteSender(request: FastifyRequest): void {
  const { ip, socket } = request
  senders.set(request, { ip, socket: { remoteAddress: socket?.remoteAddress } })
}

/** The address for a line of the log: of the client, as far as the proxies before it are trusted. */
export function addressOf(request: FastifyRequest): string {
  return redactText((senders.get(request) ?? request).ip ?? '')
}

const admitted = new WeakSet<FastifyRequest>()

/** The request's token was good, and its holder has not sent too many, so it has a line in any case. */
export function noteAdmitted(request: FastifyRequest): void {
  admitted.add(request)
}

/**
 * Whether the request may have a line: it was admitted, or its address has not had too many. Call it once for each
 * line. Requests without one are counted, and told together.
 */
export function hasLine(request: FastifyRequest): boolean {
  if (admitted.has(request)) return true
  if (budget.take(clientAddress(senders.get(request) ?? request), performance.now())) return true
  if (isTelling) return false
  isTelling = true
  const { log } = request.server
  setTimeout(() => {
    isTelling = false
    log.info({ count: budget.takeLeftOut() }, 'requests without a line of their own')
  }, TOLD_MS).unref()
  return false
}

/** What a stream was until it ended. */
export interface EndedStream {
  readonly reason: string
  /** The hash of it; null: its session names none. */
  readonly subject: string | null
  readonly seconds: number
  readonly records: number
  readonly bytes: number
}

/** One line for the end of a stream. It names no user. */
export function tellEnded(
  request: FastifyRequest,
  { reason, subject, seconds, ...counts }: EndedStream,
): void {
  const path = redactUrl(request.url.split('?', 1)[0] ?? '')
  request.log.info(
    {
      path,
      ...(subject !== null && { subject }),
      reason,
      seconds: Math.round(seconds * 10) / 10,
      ...counts,
    },
    'stream ended',
  )
}

/**
 * Makes Fastify's line about an error of ours that is no fault of the server short: information, with its code. Without
 * it that line has a stack, which says where in our code a client was refused. A request that has been told of already
 * gets no line at all. Other errors, such as one of a hook that runs later, stay as they are, unless `isShort` takes
 * them.
 */
export function tellShortly(
  request: FastifyRequest,
  reply: FastifyReply,
  error: unknown,
  isShort: (error: unknown) => boolean = isRefusal,
): void {
  if (shortened.has(reply) || !(isRefusal(error) || isShort(error))) return
  const code = errorCode(error)
  shortened.add(reply)
  const { log } = reply
  const shortly =
    (tell: LogLine): LogLine =>
    (...line: readonly unknown[]): void => {
      const [fields, message] = line // pino's overloads: fields and a message, or either
      if (Object(fields).err !== error) Reflect.apply(tell, log, line)
      else if (!isTold(request)) tellRefused(request, { ...(code && { code }) }, `refused: ${message}`)
    }
  reply.log = Object.create(log, { error: { value: shortly(log.error) }, info: { value: shortly(log.info) } })
}

type LogLine = (...line: readonly unknown[]) => void

const shortened = new WeakSet<FastifyReply>()

/** Refusals that are no fault of the server's code: it drains, waits for others, or is full. */
const NO_FAULTS = [
  ControlUnread,
  ControlUnwritable,
  Draining,
  KeysUnavailable,
  KafkaUnavailable,
  RevocationsFull,
  TicketsUnavailable,
  TopicsFull,
]

/** Whether the request may succeed later, although nothing is wrong with it. */
export function isNoFault(error: unknown): boolean {
  return NO_FAULTS.some((known) => error instanceof known)
}

/** An error of ours that is no fault of the server's code. */
function isRefusal(error: unknown): boolean {
  if (isNoFault(error)) return true
  const { statusCode = 500 }: { readonly statusCode?: number } = Object(error)
  return error instanceof Error && errorCode(error)?.startsWith('FKS_') === true && statusCode < 500
}

function senderOf(request: FastifyRequest) {
  const { method, url } = request
  return { method: redactText(method), url: redactUrl(url), address: addressOf(request) }
}
