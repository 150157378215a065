// The authenticator of a host's own, as the streams' routes use it. Promise: they get a session, or an error. What is
// none is the host's fault: 500, and a log line that names the field and quotes no value.

import { SessionInvalid } from '../errors.ts'
import type { Authenticator } from '../token/authenticator.ts'
import { NoSession, requireSession } from '../token/session.ts'

export function checkedAuthenticator(authenticator: Authenticator): Pick<Authenticator, 'authenticate'> {
  return {
    authenticate: async (request, reply, scope) => {
      const session = await authenticator.authenticate(request, reply, scope)
      try {
        requireSession(session)
        return session
      } catch (error) {
        if (!(error instanceof NoSession)) throw error
        const { field, message: reason } = error
        request.log.error({ field, reason }, 'kafkaSseAuth.authenticate resolved with no session')
        throw new SessionInvalid()
      }
    },
  }
}
