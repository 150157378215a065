// Closes what a registration has opened if it fails, because its host may handle the error and go on. Promise: each
// asynchronous `onClose` hook of our plugins runs once, at the failure or else when the host closes.

import type { FastifyInstance } from 'fastify'

type Close = () => Promise<unknown>

/**
 * Calls `register`, which fills `scope`. If that fails, closes what it has opened by then and rejects with the same
 * error. Fastify itself runs `onClose` only when the whole host closes.
 */
export async function closedOnFailure(scope: FastifyInstance, register: () => Promise<void>): Promise<void> {
  const closes = keepCloses(scope)
  try {
    await register()
  } catch (error) {
    for (const close of closes)
      await close().catch((err: unknown) =>
        scope.log.warn({ err }, 'a part of a failed registration is not closed'),
      )
    throw error
  }
}

/**
 * The hooks that our plugins add from now on, the last one first, which is Fastify's order. These add them to the scope
 * itself, with its own `addHook`. Scopes below it have their routes, and what a host's `onRegister` adds to each.
 */
function keepCloses(scope: FastifyInstance): readonly Close[] {
  const closes: Close[] = []
  const { addHook } = scope
  function addKeptHook(this: FastifyInstance, name: string, hook: (...args: unknown[]) => Promise<unknown>) {
    const isOurs = this === scope && name === 'onClose' && typeof hook === 'function' && hook.length === 0
    if (!isOurs) return addHook.call(this, name as 'onClose', hook)
    const close = once(async () => hook.call(this, this))
    closes.unshift(close)
    return addHook.call(this, name, close)
  }
  scope.addHook = addKeptHook as typeof addHook // overloaded for each hook, and none but onClose is changed
  return closes
}

function once(close: Close): Close {
  let closing: Promise<unknown> | null = null
  return () => {
    closing ??= close()
    return closing
  }
}
